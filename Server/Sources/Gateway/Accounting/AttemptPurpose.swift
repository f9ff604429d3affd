/// Why an attempt is made.
public enum AttemptPurpose: String, Sendable, Hashable {
    case first, retry, failover
    /// Beside another attempt that is slow to begin its answer.
    case hedge
    /// To go on with an answer that broke off.
    case splice
    /// The first one, at a target that nobody has asked for long, to learn how it is.
    case exploration
}
