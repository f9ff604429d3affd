import ResilienceTesting
import Synchronization

@testable import Resilience

/// How the calls of a scenario ended, over all of its seeds: a strategy that never does its work breaks no promise.
final class Tally: Sendable {
    enum End: Hashable {
        case success
        case rejected(Rejection.Reason)
    }

    /// That of the test that runs.
    @TaskLocal static var current: Tally?

    private let counts = Mutex<[End: Int]>([:])

    func add(_ end: End) { counts.withLock { $0[end, default: 0] += 1 } }

    subscript(end: End) -> Int { counts.withLock { $0[end] ?? 0 } }
}

extension Simulation {
    /// Counts a call that did what it was made for.
    func succeeded() { Tally.current?.add(.success) }

    /// Counts a call that was rejected.
    func rejected(_ rejection: Rejection) { Tally.current?.add(.rejected(rejection.reason)) }
}
