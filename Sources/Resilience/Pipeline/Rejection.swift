/// Says that a strategy did not let a call run, or gave up on it.
///
/// A strategy throws either this or the operation's own error, unchanged. Whoever catches it can decide by
/// ``reason``, wait for ``retryAfter`` and name the strategy in a log; no text needs to be parsed.
public struct Rejection: Error, Sendable, Hashable {
    /// Why a call was rejected. More reasons may be added; compare with the ones you handle.
    public struct Reason: RawRepresentable, Sendable, Hashable {
        /// The policy's name.
        public let rawValue: String
        /// Creates a name, for a policy of one's own.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The circuit breaker is open.
        public static var circuitOpen: Reason { Reason(rawValue: "circuit_open") }
        /// The circuit breaker is half-open and all its probes are out.
        public static var probesBusy: Reason { Reason(rawValue: "probes_busy") }
        /// The circuit breaker is held open by hand.
        public static var isolated: Reason { Reason(rawValue: "isolated") }
        /// The bulkhead and its queue are full.
        public static var full: Reason { Reason(rawValue: "full") }
        /// The call waited in the bulkhead's queue for as long as it may.
        public static var waitedTooLong: Reason { Reason(rawValue: "waited_too_long") }
        /// The time allowed for the call ran out.
        public static var timedOut: Reason { Reason(rawValue: "timed_out") }
        /// The caller's deadline had passed before the call began.
        public static var deadlinePassed: Reason { Reason(rawValue: "deadline_passed") }
    }

    /// Why the call was rejected.
    public var reason: Reason
    /// The name of the strategy that rejected it, as given when the strategy was made.
    public var strategy: String
    /// The time after which another call may be let through; nil when that is not known.
    public var retryAfter: Duration?

    /// Creates a rejection.
    public init(_ reason: Reason, strategy: String, retryAfter: Duration? = nil) {
        self.reason = reason
        self.strategy = strategy
        self.retryAfter = retryAfter
    }
}

extension Rejection: CustomStringConvertible {
    /// Who rejected, why, and when to come back.
    public var description: String {
        let wait = retryAfter.map { ", retry after \($0)" } ?? ""
        return "\(strategy): \(reason.rawValue)\(wait)"
    }
}
