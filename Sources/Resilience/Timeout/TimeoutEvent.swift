/// What a timeout reports: a call that ran out of time.
public struct TimeoutEvent: Sendable, Hashable {
    /// The timeout's name.
    public var strategy: String
    /// How long after its time the call ended, which is when this is told. More than a moment means that the operation
    /// takes long to notice that it was cancelled.
    public var late: Duration
}

extension TimeoutEvent: ResilienceEvent {
    /// `timeout_passed`.
    public var kind: String { "timeout_passed" }
    /// A warning.
    public var severity: EventSeverity { .warning }
}
