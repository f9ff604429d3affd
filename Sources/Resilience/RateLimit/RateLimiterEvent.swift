/// What a rate limiter reports: the calls that do not pass at once, and changes of its policy.
public struct RateLimiterEvent: Sendable, Hashable {
    /// What happened.
    @nonexhaustive
    public enum Happening: String, Sendable, Hashable, CaseIterable {
        /// A call waits for its permits.
        case queued = "rate_limit_queued"
        /// A call passed after it had waited.
        case passed = "rate_limit_passed"
        /// A call was rejected, or a reservation refused.
        case rejected = "rate_limit_rejected"
        /// A call was cancelled while it waited.
        case cancelled = "rate_limit_cancelled"
        /// The limiter goes on under another policy.
        case reconfigured = "rate_limit_reconfigured"
    }

    /// The limiter's name.
    public var strategy: String
    /// What happened.
    public var happening: Happening
    /// The permits that the call asked for, or those of one period under the new policy.
    public var permits: Int
    /// The time after which the permits will be there, for a call that waits or was rejected; nil for never.
    public var wait: Duration?
}

extension RateLimiterEvent: ResilienceEvent {
    /// The name of what happened.
    public var kind: String { happening.rawValue }

    /// A warning for a rejection, information for a new policy, else debug.
    public var severity: EventSeverity {
        switch happening {
        case .rejected: .warning
        case .reconfigured: .information
        case .queued, .passed, .cancelled: .debug
        }
    }
}
