/// How many requests a provider allows.
public struct RateLimit: Sendable, Hashable {
    /// In a second. Range: above 0.
    public var requestsPerSecond: Double
    /// At once. Range: 1 or more.
    public var burst: Double

    /// Creates a limit.
    public init(requestsPerSecond: Double, burst: Double) {
        self.requestsPerSecond = max(1e-6, requestsPerSecond)
        self.burst = max(1, burst)
    }
}

/// What a response says of its provider's rate limit.
public struct RateLimitNotice: Sendable, Hashable {
    /// The share that is left, of requests or of tokens, whichever is less. Range: 0 to 1.
    public var left: Double
    /// How many requests are allowed; nil if that is not said, or cannot be told yet.
    public var limit: RateLimit?

    /// Creates a notice.
    public init(left: Double, limit: RateLimit? = nil) {
        self.left = left
        self.limit = limit
    }
}
