/// What an adaptive limit reports: rejected calls, and changes of the limit.
public struct ConcurrencyLimiterEvent: Sendable, Hashable {
    /// What happened.
    @nonexhaustive
    public enum Happening: Sendable, Hashable {
        /// A call was rejected, since as many run as may.
        case rejected
        /// The limit changed; it is also halved for each probe, and restored after it.
        case changed(from: Int)
    }

    /// The limiter's name.
    public var strategy: String
    /// What happened.
    public var happening: Happening
    /// The calls that may run at a time, now.
    public var limit: Int
    /// The calls that run.
    public var inFlight: Int
    /// Whether the limit is halved for a moment, to see the latency without a queue.
    public var isProbing: Bool
}

extension ConcurrencyLimiterEvent: ResilienceEvent {
    /// `concurrency_rejected` or `concurrency_limit_changed`.
    public var kind: String {
        switch happening {
        case .rejected: "concurrency_rejected"
        case .changed: "concurrency_limit_changed"
        }
    }

    /// A warning for a rejection, debug for a change.
    public var severity: EventSeverity {
        switch happening {
        case .rejected: .warning
        case .changed: .debug
        }
    }
}

extension ConcurrencyLimiter.StateMachine {
    /// What to report of something that has just happened.
    func event(_ happening: ConcurrencyLimiterEvent.Happening, of name: String) -> ConcurrencyLimiterEvent {
        ConcurrencyLimiterEvent(
            strategy: name, happening: happening, limit: limit, inFlight: inFlight, isProbing: isProbing)
    }
}
