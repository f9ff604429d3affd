/// What became of one request.
public struct RequestOutcome: Sendable, Hashable {
    /// The request.
    public let request: World.Request
    /// Whether it got a valid answer.
    public var succeeded = false
    /// Who gave it; nil for nobody.
    public var provider: Int?
    /// Seconds until it ended; at most the time it had.
    public var latency = 0.0
    /// What all of its attempts cost, in dollars.
    public var cost = 0.0
    /// Its attempts.
    public var attempts = 0
    /// Those that were made beside another one.
    public var hedges = 0
    /// Those that failed.
    public var failures = 0
    /// Those that a rate limit refused.
    public var rejections = 0
    /// Whether one of its attempts brought an answer of no use.
    public var hadInvalidAnswer = false
    /// Seconds from its arrival until the attempt began that brought its answer.
    public var winnerBegan = 0.0
}
