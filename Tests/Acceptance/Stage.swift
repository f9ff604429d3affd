import Synchronization

/// Lets only as many gateways run at a time as two cores can serve without upsetting the times that tests check.
///
/// Places are given out in the order in which they were asked for, so that whoever needs all of them gets them.
final class Stage: Sendable {
    static let shared = Stage(places: 8)

    private struct State {
        var free: Int
        var waiters: [(places: Int, waiter: CheckedContinuation<Void, Never>)] = []

        /// Takes those off the queue for whom there is room now.
        mutating func next() -> [CheckedContinuation<Void, Never>] {
            var ready: [CheckedContinuation<Void, Never>] = []
            while let first = waiters.first, first.places <= free {
                free -= first.places
                ready.append(first.waiter)
                waiters.removeFirst()
            }
            return ready
        }
    }

    /// All places.
    let places: Int
    private let state: Mutex<State>

    init(places: Int) {
        self.places = places
        state = Mutex(State(free: places))
    }

    func enter(_ places: Int) async {
        await withCheckedContinuation { waiter in
            let ready = state.withLock { state in
                state.waiters.append((min(places, self.places), waiter))
                return state.next()
            }
            for waiter in ready { waiter.resume() }
        }
    }

    func leave(_ places: Int) {
        let ready = state.withLock { state in
            state.free += min(places, self.places)
            return state.next()
        }
        for waiter in ready { waiter.resume() }
    }
}
