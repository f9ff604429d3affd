/// What a bulkhead reports: the calls that do not get a place at once.
public struct BulkheadEvent: Sendable, Hashable {
    /// What happened to a call.
    @nonexhaustive
    public enum Happening: String, Sendable, Hashable, CaseIterable {
        /// It waits in the queue.
        case queued = "bulkhead_queued"
        /// It got its place after it had waited.
        case admitted = "bulkhead_admitted"
        /// It was rejected: no place is free, and it may not queue or the queue is full.
        case rejected = "bulkhead_rejected"
        /// It was rejected, since it had waited for as long as it may.
        case waitedTooLong = "bulkhead_waited_too_long"
        /// It was rejected, since a call of higher priority took its place in the full queue.
        case displaced = "bulkhead_displaced"
        /// It was cancelled while it waited.
        case cancelled = "bulkhead_cancelled"

        /// What the error says that ended a wait.
        init(_ error: any Error) {
            switch (error as? Rejection)?.reason {
            case .displaced?: self = .displaced
            case nil: self = .cancelled
            default: self = .waitedTooLong
            }
        }
    }

    /// The bulkhead's name.
    public var strategy: String
    /// What happened.
    public var happening: Happening
    /// The partition that the call named.
    public var partition: String?
    /// The calls that run when it is told, bypassing ones aside.
    public var running: Int
    /// The calls that wait when it is told.
    public var queued: Int
}

extension BulkheadEvent: ResilienceEvent {
    /// The name of what happened.
    public var kind: String { happening.rawValue }

    /// A warning for a rejection, else debug.
    public var severity: EventSeverity {
        switch happening {
        case .rejected, .waitedTooLong, .displaced: .warning
        case .queued, .admitted, .cancelled: .debug
        }
    }
}
