import Synchronization

/// Lets only as many gateways run at a time as two cores can serve without upsetting the times that tests check.
///
/// Places are given out in the order in which they were asked for, so that whoever needs all of them gets them. A task
/// that has some already gets more at once: it would never give back those it has while it waited. One that had some before
/// comes before those that had none: all tests ask at the beginning, and one that starts several gateways one after the
/// other would otherwise wait behind all others for each, and run on alone when they have ended.
final class Stage: Sendable {
    static let shared = Stage(places: 2)

    private struct State {
        var free: Int
        /// The places that each task holds.
        var held: [Int: Int] = [:]
        var waiters: [(places: Int, isBack: Bool, waiter: CheckedContinuation<Void, Never>)] = []
        /// The tasks that had places.
        var known: Set<Int> = []

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

    /// Waits for places.
    ///
    /// - Returns: Who holds them, for ``leave(_:of:)``.
    func enter(_ places: Int) async -> Int {
        let places = min(places, self.places)
        let holder = withUnsafeCurrentTask { $0?.hashValue ?? 0 }
        let hasSome = state.withLock { state in
            defer { state.held[holder, default: 0] += places }
            guard state.held[holder] != nil else { return false }
            state.free -= places
            return true
        }
        guard !hasSome else { return holder }
        await withCheckedContinuation { waiter in
            let ready = state.withLock { state in
                let isBack = !state.known.insert(holder).inserted
                let place = isBack ? state.waiters.firstIndex { !$0.isBack } : nil
                state.waiters.insert((places, isBack, waiter), at: place ?? state.waiters.endIndex)
                return state.next()
            }
            for waiter in ready { waiter.resume() }
        }
        return holder
    }

    func leave(_ places: Int, of holder: Int) {
        let places = min(places, self.places)
        let ready = state.withLock { state in
            state.free += places
            let rest = state.held[holder, default: places] - places
            state.held[holder] = rest > 0 ? rest : nil
            return state.next()
        }
        for waiter in ready { waiter.resume() }
    }
}
