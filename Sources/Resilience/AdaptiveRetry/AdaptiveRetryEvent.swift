/// What an adaptive retry decided after a failed attempt.
public struct AdaptiveRetryEvent<Key: Hashable & Sendable>: Sendable, Hashable {
    /// The name of the retry.
    public var retry: String
    /// What the failure was classified as; nil if it has no class, and when no retry was wanted.
    public var key: Key?
    /// The name of the arm whose wait it is; nil when the server said when to come back.
    public var arm: String?
    /// Why the arm was chosen; nil when nothing is learned from it.
    public var ground: RetryBandit<Key>.Choice.Ground?
    /// What it decided.
    public var step: Retry.Step
}

extension AdaptiveRetryEvent: ResilienceEvent {
    /// The retry's name.
    public var strategy: String { retry }
    /// `retry_scheduled` before the wait for the next attempt, `retry_stopped` when there will be none.
    public var kind: String { step.kind }
    /// As that of a ``RetryEvent``.
    public var severity: EventSeverity { step.severity }
}
