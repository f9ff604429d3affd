import Synchronization

/// Counts who is inside, by itself: what is under test does not get to say how many it let in.
final class Headcount: Sendable {
    private struct State {
        var inside = 0, most = 0, left = 0
    }

    private let state = Mutex(State())

    /// The most that were inside at the same time.
    var most: Int { state.withLock { $0.most } }
    /// How many have come and gone.
    var left: Int { state.withLock { $0.left } }

    func enter() {
        state.withLock { state in
            state.inside += 1
            state.most = max(state.most, state.inside)
        }
    }

    func leave() {
        state.withLock { state in
            state.inside -= 1
            state.left += 1
        }
    }
}
