import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let retry = Scenario("retry and budget") { simulation in
        let scene = RetryScene(simulation)
        simulation.crowd(6, calls: 3) { _ in try await scene.call() }
        await simulation.untilIdle()
        scene.end()
    }
}

/// Calls that share a budget of half a retry each.
private final class RetryScene: Sendable {
    private struct Spent { var calls = 0, retries = 0 }

    private let simulation: Simulation
    private let spent: Book<Spent>
    private let goods = Goods()
    private let budget: RetryBudget
    private let retry: Retry

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let spent = Book(Spent())
        self.spent = spent
        budget = RetryBudget(
            .init(ratio: 0.5, minimumPerSecond: 0, timeToLive: .seconds(100)), time: simulation.time)
        let backoff = Backoff(
            base: .milliseconds(2), growth: simulation.one(of: [.constant, .exponential()]),
            jitter: simulation.one(of: [.none, .full]), maximum: .milliseconds(10))
        retry = Retry(
            "retry", policy: RetryPolicy(maximumAttempts: 4, backoff: backoff), budget: budget,
            time: simulation.time, chance: simulation.chance()
        ) { event in
            guard case .retry = event.step else { return }
            spent { spent in
                spent.retries += 1
                simulation.expect(2 * spent.retries <= spent.calls, "the budget is exceeded")
            }
        }
    }

    func call() async throws {
        let attempts = Book((begun: 0, running: 0, lastFailure: 0))
        // One that was cancelled before pays nothing in.
        if !Task.isCancelled { spent { $0.calls += 1 } }
        do {
            let value = try await retry.run(judging: judge, discard: goods.settle) { attempt in
                attempts { attempts in
                    simulation.expect(
                        attempt == attempts.begun, "attempt \(attempt) follows \(attempts.begun - 1)")
                    simulation.expect(attempts.running == 0, "two attempts at a time")
                    simulation.expect(attempt == 0 || !Task.isCancelled, "a cancelled call is retried")
                    attempts.begun += 1
                    attempts.running += 1
                }
                defer { attempts { $0.running -= 1 } }
                do { try await simulation.hazard() } catch let failure as InjectedFailure {
                    attempts { $0.lastFailure = failure.number }
                    throw failure
                }
                return goods.produce()
            }
            goods.settle(value)
        } catch {
            simulation.expectFair(error)
            if let failure = error as? InjectedFailure {
                simulation.expect(
                    failure.number == attempts { $0.lastFailure }, "another error than the last one")
            }
        }
        simulation.expect(attempts { $0.begun } <= 4 && attempts { $0.running } == 0, "too many attempts")
        try Task.checkCancellation()
    }

    private func judge(_ result: Result<Int, any Error>) -> Retry.Judgement {
        if case .success(let value) = result, value % 4 == 0 { return .retry() }
        return Retry.judge(result)
    }

    func end() {
        simulation.expect(goods.open == 0, "\(goods.open) values were lost")
        simulation.expect(goods.faults.isEmpty, "\(goods.faults)")
        let left = spent { ($0.calls - 2 * $0.retries) / 2 }
        simulation.expect(budget.balance == left, "the budget holds \(budget.balance), not \(left)")
    }
}
