import Generation
import Resilience
import Synchronization

/// How fast a stream is, and whether one of which nothing was delivered is too slow to be worth waiting for, since another
/// target will be done sooner. A decision: no clock, lock or task.
///
/// A caller that reads slowly makes its target's usual speed look smaller than it is, which only makes the limit milder.
struct StreamSpeed: Hashable {
    /// When a stream is too slow.
    struct Limit: Hashable {
        /// The longest average time per event.
        let perEvent: Duration
        /// How long a stream may run before it is judged.
        let grace: Duration

        /// - Parameter minimumSpeed: The smallest share of the target's usual speed; 0 for no limit.
        /// - Returns: Nil if there is no limit or the usual speed is not known.
        init?(_ pace: Pace, minimumSpeed: Double, grace: Duration) {
            guard minimumSpeed > 0, let usual = pace.usualTimePerEvent else { return nil }
            perEvent = usual / max(minimumSpeed, 0.001)
            self.grace = grace
        }
    }

    private let limit: Limit?
    private var firstAt: Instant?, lastAt: Instant?
    /// The events after the first ones.
    private(set) var events = 0

    /// - Parameter limit: Nil for a stream that is never too slow.
    init(_ limit: Limit?) {
        self.limit = limit
    }

    /// Notes that more events have arrived.
    mutating func note(_ more: Int, at now: Instant) {
        if firstAt == nil { firstAt = now } else { events += more }
        lastAt = now
    }

    /// Counts events that nobody judges; their time is noted with later ones.
    mutating func count(_ more: Int) {
        events += more
    }

    /// From the first events to the last that were noted.
    var elapsed: Duration {
        guard let firstAt, let lastAt else { return .zero }
        return lastAt.since(firstAt)
    }

    /// Whether the stream is to be given up.
    var isTooSlow: Bool {
        guard let limit else { return false }
        return elapsed >= limit.grace && elapsed > limit.perEvent * events
    }

    /// The failure of a stream that is given up.
    static let failure = AttemptFailure(
        .timeout, cause: "too_slow", phase: .body, status: 200,
        message: "the provider's stream is far slower than usual")
}

/// Watches the speed of a stream that a provider reads by itself.
final class StreamWatch: Sendable {
    private let state: Mutex<StreamSpeed>
    private let time: TimeSource

    init(_ limit: StreamSpeed.Limit?, time: TimeSource) {
        state = Mutex(StreamSpeed(limit))
        self.time = time
    }

    /// Notes that more events have arrived.
    func note(_ events: Int) throws(AttemptFailure) {
        let now = time.now
        let isTooSlow = state.withLock { speed in
            speed.note(events, at: now)
            return speed.isTooSlow
        }
        if isTooSlow { throw StreamSpeed.failure }
    }

    var speed: StreamSpeed { state.withLock { $0 } }
}
