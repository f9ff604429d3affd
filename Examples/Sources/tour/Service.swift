import Resilience
import Synchronization

/// A service that fails in the measure that it is told to, by a seed.
final class Service: Sendable {
    /// What it answers when it fails.
    struct Unavailable: Error {}

    private struct State {
        var chance: Chance
        var failureRate = 0.0
        var calls = 0
    }

    private let state: Mutex<State>
    private let time = TimeSource()

    init(seed: UInt64) {
        state = Mutex(State(chance: Chance(seed: seed)))
    }

    /// The share of calls that fail.
    var failureRate: Double {
        get { state.withLock { $0.failureRate } }
        set { state.withLock { $0.failureRate = newValue } }
    }

    /// The calls that it has seen.
    var calls: Int { state.withLock { $0.calls } }

    /// The number of the call, after 2 ms.
    func ask() async throws -> Int {
        let (number, fails) = state.withLock { state in
            state.calls += 1
            return (state.calls, state.chance.unit() < state.failureRate)
        }
        try await time.sleep(for: .milliseconds(2))
        if fails { throw Unavailable() }
        return number
    }
}
