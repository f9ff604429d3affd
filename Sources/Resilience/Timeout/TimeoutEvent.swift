/// What a timeout reports: calls that ran out of time, or came when there was none left.
public struct TimeoutEvent: Sendable, Hashable {
    /// What happened to a call.
    public enum Happening: String, Sendable, Hashable, CaseIterable {
        /// Its time was up before it had ended.
        case passed = "timeout_passed"
        /// It was rejected, since the deadline of a layer outside had passed when it came.
        case rejected = "timeout_rejected"
    }

    /// The timeout's name.
    public var strategy: String
    /// What happened.
    public var happening: Happening
    /// How long after its time the call ended, which is when this is told, or how long after its deadline it came. More
    /// than a moment at the end means that the operation takes long to notice that it was cancelled.
    public var late: Duration
}

extension TimeoutEvent: ResilienceEvent {
    /// The name of what happened.
    public var kind: String { happening.rawValue }
    /// A warning.
    public var severity: EventSeverity { .warning }
}
