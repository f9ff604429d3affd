import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let adaptiveRetry = Scenario("adaptive retry and budget", ends: [.success]) { simulation in
        let scene = AdaptiveRetryScene(simulation)
        simulation.crowd(6, calls: 3) { _ in try await scene.call() }
        await simulation.untilIdle()
        scene.end()
    }
}

/// Calls that share a budget of half a retry each, and what was learned.
private final class AdaptiveRetryScene: Sendable {
    private struct Spent { var calls = 0, retries = 0 }

    private static let mostAttempts = 4

    private let simulation: Simulation
    private let spent: Book<Spent>
    private let budget: RetryBudget
    private let retry: AdaptiveRetry<Int>

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let spent = Book(Spent())
        self.spent = spent
        let time = simulation.time
        budget = RetryBudget(.init(ratio: 0.5, minimumPerSecond: 0, timeToLive: .seconds(100)), time: time)
        var policy = AdaptiveRetryPolicy()
        policy.arms = [
            .init("at once", Backoff(base: .zero, jitter: .none)),
            .init("short", Backoff(base: .milliseconds(2), jitter: .full)),
            .init("long", Backoff(base: .milliseconds(4), growth: .linear, jitter: .none)),
        ]
        policy.maximumAttempts = Self.mostAttempts
        policy.spread = .milliseconds(1)
        policy.retryAfter = simulation.one(
            of: [.honoured(ceiling: .milliseconds(5)), .exact(ceiling: .milliseconds(5)), .ignored])
        retry = AdaptiveRetry(
            "retry", policy: policy, budget: budget, time: time, chance: simulation.chance(),
            onEvent: { event in
                guard case .retry = event.step else { return }
                spent { spent in
                    spent.retries += 1
                    simulation.expect(2 * spent.retries <= spent.calls, "the budget is exceeded")
                }
            },
            classifying: { ($0 as? InjectedFailure).map { $0.number % 2 } })
    }

    func call() async throws {
        let layer = retry.layer { error in
            guard let failure = error as? InjectedFailure else { return .accept }
            return .retry(after: [nil, .milliseconds(3), .milliseconds(9)][failure.number % 3])
        }
        let seen = Book((attempts: 0, running: 0, lastFailure: 0))
        // One that was cancelled before begins nothing, and pays nothing in.
        if !Task.isCancelled { spent { $0.calls += 1 } }
        do {
            try await layer.run(CallContext()) { context in
                seen { seen in
                    simulation.expect(context.attempt == seen.attempts, "attempt \(context.attempt)")
                    simulation.expect(seen.running == 0, "two attempts at a time")
                    simulation.expect(!Task.isCancelled, "an attempt for a caller that has gone")
                    seen.attempts += 1
                    seen.running += 1
                }
                defer { seen { $0.running -= 1 } }
                do { try await simulation.hazard() } catch let failure as InjectedFailure {
                    seen { $0.lastFailure = failure.number }
                    throw failure
                }
            }
            simulation.succeeded()
        } catch {
            simulation.expectFair(error)
            if let failure = error as? InjectedFailure {
                simulation.expect(failure.number == seen { $0.lastFailure }, "another error than the last")
            }
        }
        simulation.expect(
            seen { $0.attempts } <= Self.mostAttempts && seen { $0.running } == 0, "too many attempts")
        try Task.checkCancellation()
    }

    func end() {
        let left = spent { ($0.calls - 2 * $0.retries) / 2 }
        simulation.expect(budget.balance == left, "the budget holds \(budget.balance), not \(left)")
        // Each retry settles at most one choice, and only of a class that there is.
        let statistics = retry.statistics
        let learned = statistics.flatMap(\.arms).reduce(0) { $0 + $1.samples }, retries = spent { $0.retries }
        simulation.expect(learned <= retries, "\(learned) learned of \(retries) retries")
        simulation.expect(statistics.allSatisfy { [0, 1].contains($0.key) }, "\(statistics.map(\.key))")
    }
}
