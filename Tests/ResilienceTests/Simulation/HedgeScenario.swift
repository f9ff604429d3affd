import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let hedge = Scenario("hedging") { simulation in
        let scene = HedgeScene(simulation)
        simulation.crowd(6, calls: 2) { _ in try await scene.call() }
        await simulation.untilIdle()
        scene.end()
    }
}

/// Calls whose attempts each produce a value of their own, of which one may be delivered; some with a deadline.
private final class HedgeScene: Sendable {
    private struct Spent { var calls = 0, hedges = 0 }
    private struct Attempts { var begun: Set<Int> = [], running = 0, firstFailure = 0 }

    private let simulation: Simulation
    private let spent: Book<Spent>
    private let goods = Goods()
    private let hedge: Hedge

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let spent = Book(Spent())
        self.spent = spent
        let delay = simulation.one(of: [
            HedgePolicy.Delay.fixed(.milliseconds(3)), .fixed(.zero), .afterFailure,
            .quantile(0.9, minimum: .milliseconds(1), meanwhile: .milliseconds(2)),
        ])
        let budget = RetryBudget(
            .init(ratio: 0.5, minimumPerSecond: 0, timeToLive: .seconds(100)), time: simulation.time)
        let isBounded = simulation.below(2) == 0
        hedge = Hedge(
            "hedge", policy: HedgePolicy(delay: delay, maximumHedges: simulation.below(4)),
            budget: isBounded ? budget : nil, time: simulation.time, spawner: simulation.spawner,
            onEvent: { event in
                guard event.isAllowed, isBounded else { return }
                spent { spent in
                    spent.hedges += 1
                    simulation.expect(2 * spent.hedges <= spent.calls, "the budget is exceeded")
                }
            })
    }

    func call() async throws {
        let attempts = Book(Attempts())
        let left: Duration? = simulation.one(of: [nil, .milliseconds(simulation.below(8) - 1)])
        let deadline = left.map(simulation.time.now.advanced)
        // Who is cancelled already pays nothing in.
        if !Task.isCancelled { spent { $0.calls += 1 } }
        do {
            let value = try await hedge.run(
                deadline: deadline, accepting: { $0 % 4 != 0 }, handling: Self.handles, discard: goods.settle
            ) { attempt in
                attempts { attempts in
                    simulation.expect(attempts.begun.insert(attempt).inserted, "attempt \(attempt) twice")
                    attempts.running += 1
                }
                let isInTime = deadline.map { simulation.time.now < $0 } ?? true
                simulation.expect(attempt == 0 || isInTime, "a hedge began after the deadline")
                defer { attempts { $0.running -= 1 } }
                do { try await simulation.hazard() } catch let failure as InjectedFailure {
                    if attempt == 0 { attempts { $0.firstFailure = failure.number } }
                    throw failure
                }
                return goods.produce()
            }
            goods.settle(value)
        } catch {
            simulation.expectFair(error)
            if let failure = error as? InjectedFailure, Self.handles(failure), !Task.isCancelled {
                simulation.expect(failure.number == attempts { $0.firstFailure }, "not the first one's error")
            }
        }
        let seen = attempts { $0 }
        simulation.expect(seen.running == 0, "an attempt runs on")
        simulation.expect(seen.begun.isSubset(of: 0...hedge.policy.maximumHedges), "\(seen.begun) attempts")
        try Task.checkCancellation()
    }

    private static let handles: @Sendable (any Error) -> Bool = { error in
        (error as? InjectedFailure).map { $0.number % 3 != 0 } ?? true
    }

    func end() {
        simulation.expect(goods.open == 0, "\(goods.open) values were lost")
        simulation.expect(goods.faults.isEmpty, "\(goods.faults)")
    }
}
