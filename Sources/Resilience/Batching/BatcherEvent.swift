/// What a batcher reports: each call of its work.
public struct BatcherEvent: Sendable, Hashable {
    /// How a call ended.
    @nonexhaustive
    public enum Outcome: String, Sendable, Hashable {
        /// With a result for each item; some of the results may be errors.
        case answered
        /// With an error, after which the items are tried in two halves.
        case split
        /// With an error, which every item got.
        case failed
    }

    /// The name of the batcher.
    public var batcher: String
    /// The items it was called with.
    public var size: Int
    /// How long the call took.
    public var took: Duration
    /// How it ended.
    public var outcome: Outcome
}

extension BatcherEvent: ResilienceEvent {
    /// The batcher's name.
    public var strategy: String { batcher }

    /// `batch_answered`, `batch_split` or `batch_failed`.
    public var kind: String {
        switch outcome {
        case .answered: "batch_answered"
        case .split: "batch_split"
        case .failed: "batch_failed"
        }
    }

    /// An error when the items got it, a warning when they are tried in halves, else debug.
    public var severity: EventSeverity {
        switch outcome {
        case .answered: .debug
        case .split: .warning
        case .failed: .error
        }
    }
}
