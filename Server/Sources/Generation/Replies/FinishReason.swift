/// Why a choice of an answer ended.
public enum FinishReason: Sendable, Hashable {
    /// The model was at its end, or met a text at which it was told to stop.
    case stop
    /// There was no room for more tokens.
    case length
    /// The model calls tools and waits for what they return.
    case toolCalls
    /// The provider's filter took something away.
    case filtered
    /// Something else, by the dialect's own word.
    case other(String)

    /// Whether the reason itself says that the answer is not whole.
    public var mayBeCut: Bool { self == .length || self == .filtered }
}
