/// How a request ended.
public enum RequestEnding: String, Sendable, Hashable, CaseIterable {
    /// The whole answer reached the caller.
    case answered
    /// No target gave an answer.
    case failed
    /// The answer broke off after a part of it had reached the caller, which was told so.
    case interrupted
    /// The caller left before the end.
    case callerLeft = "caller_left"
}
