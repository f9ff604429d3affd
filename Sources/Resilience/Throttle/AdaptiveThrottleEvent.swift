/// What an adaptive throttle reports: a call that it rejected.
public struct AdaptiveThrottleEvent: Sendable, Hashable {
    /// The throttle's name.
    public var strategy: String
    /// The chance with which calls are rejected now.
    public var rejection: Double
}

extension AdaptiveThrottleEvent: ResilienceEvent {
    /// `throttle_rejected`.
    public var kind: String { "throttle_rejected" }
    /// A warning.
    public var severity: EventSeverity { .warning }
}
