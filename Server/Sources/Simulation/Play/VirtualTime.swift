import Resilience
import Synchronization

/// The clock of a simulation, which stands still until it is set. The tests' `VirtualClock` wakes sleepers in their
/// order under a lock, which nobody needs here and each event would pay for.
final class VirtualTime: Clock, Sendable {
    private let nanoseconds = Atomic<Int64>(0)

    var now: Resilience.Instant {
        Resilience.Instant(sinceOrigin: .nanoseconds(nanoseconds.load(ordering: .relaxed)))
    }
    var minimumResolution: Duration { .nanoseconds(1) }

    func set(_ seconds: Double) {
        nanoseconds.store(Int64((seconds * 1e9).rounded()), ordering: .relaxed)
    }

    /// Nobody sleeps in a simulation: what waits is an event.
    func sleep(until deadline: Resilience.Instant, tolerance: Duration?) async throws {}
}

extension Resilience.Instant {
    /// The moment so many seconds after a simulation's beginning.
    init(simulated seconds: Double) {
        self.init(sinceOrigin: .nanoseconds(Int64((seconds * 1e9).rounded())))
    }
}
