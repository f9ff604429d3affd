import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// A part of the library among callers that a seed delays, fails and cancels, and what must hold whatever it draws.
struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    let policy: SimulationPolicy
    /// How some of its calls must end, over all seeds.
    let ends: Set<Tally.End>
    let body: @Sendable (Simulation) async throws -> Void

    init(
        _ name: String, _ policy: SimulationPolicy = SimulationPolicy(), ends: Set<Tally.End> = [],
        _ body: @escaping @Sendable (Simulation) async throws -> Void
    ) {
        self.name = name
        self.policy = policy
        self.ends = ends
        self.body = body
    }

    var testDescription: String { name }
}

/// What a scenario writes down.
final class Book<Entries: Sendable>: Sendable {
    private let entries: Mutex<Entries>

    init(_ entries: sending Entries) { self.entries = Mutex(entries) }

    @discardableResult
    func callAsFunction<Answer: Sendable>(_ body: (inout Entries) -> Answer) -> Answer {
        entries.withLock { entries in body(&entries) }
    }
}

/// Values that belong to someone: each is produced once, and must then be delivered or discarded once.
final class Goods: Sendable {
    private struct State {
        var last = 0
        var open: Set<Int> = []
        var faults: [String] = []
    }

    private let state = Mutex(State())

    func produce() -> Int {
        state.withLock { state in
            state.last += 1
            state.open.insert(state.last)
            return state.last
        }
    }

    /// Notes that a value was delivered or discarded.
    func settle(_ value: Int) {
        state.withLock { state in
            if state.open.remove(value) == nil { state.faults.append("\(value) was settled twice") }
        }
    }

    var open: Int { state.withLock { $0.open.count } }
    var faults: [String] { state.withLock { $0.faults } }
}

extension Simulation {
    /// One of `choices`, drawn by the seed.
    func one<Choice>(of choices: [Choice]) -> Choice { choices[below(choices.count)] }

    /// Says what a caller may get that did not get a value: its own cancellation if it was cancelled, a failure that was
    /// injected, or a rejection for one of `reasons`.
    func expectFair(_ error: any Error, rejections reasons: Set<Rejection.Reason> = []) {
        switch error {
        case is CancellationError: expect(Task.isCancelled, "a call that nobody cancelled was cancelled")
        case is InjectedFailure: break
        case let rejection as Rejection:
            expect(reasons.contains(rejection.reason), "rejected: \(rejection)")
            rejected(rejection)
        default: expect(false, "unexpected: \(error)")
        }
    }

    /// Starts `count` callers that make `calls` calls each, a while apart.
    func crowd(
        _ count: Int, calls: Int = 1, within: Duration = .milliseconds(20),
        _ call: @escaping @Sendable (_ caller: Int) async throws -> Void
    ) {
        for caller in 0..<count {
            start("caller \(caller)") {
                for _ in 0..<calls {
                    try await self.delay(upTo: within)
                    try await call(caller)
                }
            }
        }
    }
}
