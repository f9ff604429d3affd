/// What a deadline reports: calls that came or ended too late.
public struct DeadlineEvent: Sendable, Hashable {
    /// What happened to a call.
    @nonexhaustive
    public enum Happening: String, Sendable, Hashable, CaseIterable {
        /// It was rejected, since a deadline of a layer outside had passed when it came.
        case rejected = "deadline_rejected"
        /// It ended, well or not, after the deadline that it was told.
        case missed = "deadline_missed"
    }

    /// The deadline's name.
    public var strategy: String
    /// What happened.
    public var happening: Happening
    /// How long after the deadline.
    public var late: Duration
}

extension DeadlineEvent: ResilienceEvent {
    /// The name of what happened.
    public var kind: String { happening.rawValue }
    /// A warning.
    public var severity: EventSeverity { .warning }
}
