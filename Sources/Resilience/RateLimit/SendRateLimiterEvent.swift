/// The other side refused a call for being one too many, and the rate was lowered.
public struct SendRateLimiterEvent: Sendable, Hashable {
    /// The name of the limiter.
    public var strategy: String
    /// The rate at which calls were sent, per second.
    public var measured: Double
    /// The rate at which they are sent from now on, per second.
    public var rate: Double
}

extension SendRateLimiterEvent: ResilienceEvent {
    /// `send_rate_lowered`.
    public var kind: String { "send_rate_lowered" }
    /// A warning.
    public var severity: EventSeverity { .warning }
}
