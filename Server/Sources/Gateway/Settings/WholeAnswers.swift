/// How whole answers are asked for.
public enum WholeAnswers: String, Sendable, Hashable, CaseIterable {
    /// As a stream that is put together, unless the target has shown that it gives whole answers quickly: a provider that
    /// hangs is then found within the limit for the first token.
    case auto
    /// Always as a stream that is put together.
    case stream
    /// As the caller asked.
    case plain
}
