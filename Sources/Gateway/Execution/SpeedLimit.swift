import Generation
import Resilience
import Synchronization

/// When a stream of which nothing was delivered is too slow to be worth waiting for: another target will be done sooner.
/// A decision: no clock, lock or task.
struct SpeedLimit: Hashable {
    /// The longest average time per event.
    let perEvent: Duration
    /// How long a stream may run before it is judged.
    let grace: Duration
    private var firstAt: Instant?
    private var events = 0

    /// - Parameter minimumSpeed: The smallest share of the target's usual speed; 0 for no limit.
    /// - Returns: Nil if there is no limit or the usual speed is not known.
    init?(_ pace: Pace, minimumSpeed: Double, grace: Duration) {
        guard minimumSpeed > 0, let usual = pace.usualTimePerEvent else { return nil }
        perEvent = usual / max(minimumSpeed, 0.001)
        self.grace = grace
    }

    /// Notes that more events have arrived. Returns whether the stream is too slow.
    mutating func isTooSlow(after more: Int, at now: Instant) -> Bool {
        guard let firstAt else {
            firstAt = now
            return false
        }
        events += more
        let elapsed = now.since(firstAt)
        return elapsed >= grace && elapsed > perEvent * events
    }

    static let failure = AttemptFailure(
        .timeout, cause: "too_slow", phase: .body, status: 200,
        message: "the provider's stream is far slower than usual")
}

/// Watches the speed of a stream that a provider reads by itself.
final class SpeedWatch: Sendable {
    private struct State {
        var limit: SpeedLimit?
        var events = 0
        var firstAt: Instant?, lastAt: Instant?
    }

    private let state: Mutex<State>
    private let time: TimeSource

    init(_ limit: SpeedLimit?, time: TimeSource) {
        state = Mutex(State(limit: limit))
        self.time = time
    }

    /// Notes that more events have arrived.
    func note(_ events: Int) throws(AttemptFailure) {
        let now = time.now
        let isTooSlow = state.withLock { state in
            if state.firstAt == nil { state.firstAt = now } else { state.events += events }
            state.lastAt = now
            return state.limit?.isTooSlow(after: events, at: now) ?? false
        }
        if isTooSlow { throw SpeedLimit.failure }
    }

    /// The events after the first, and the time they took.
    var speed: (events: Int, duration: Duration) {
        state.withLock { state in
            guard let first = state.firstAt, let last = state.lastAt else { return (0, .zero) }
            return (state.events, last.since(first))
        }
    }
}
