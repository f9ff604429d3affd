/// The other side refused a call for being one too many, and the rate was lowered.
public struct SendRateLimiterEvent: Sendable, Hashable {
    /// The name of the limiter.
    public var limiter: String
    /// The rate at which calls were sent, per second.
    public var measured: Double
    /// The rate at which they are sent from now on, per second.
    public var rate: Double
}
