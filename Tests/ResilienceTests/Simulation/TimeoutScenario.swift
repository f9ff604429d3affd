import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let timeout = Scenario(
        "timeout", ends: [.success, .rejected(.timedOut), .rejected(.deadlinePassed)]
    ) { simulation in
        let scene = TimeoutScene(simulation)
        simulation.crowd(6, calls: 3) { _ in try await scene.call() }
        await simulation.untilIdle()
        scene.end()
    }
}

/// Calls with a limit, some with a deadline of their own, whose values belong to someone.
private final class TimeoutScene: Sendable {
    private struct Seen {
        var begun = 0, ended = 0, failure = 0
    }

    private let simulation: Simulation
    private let timeout: Timeout
    private let goods = Goods()

    init(_ simulation: Simulation) {
        self.simulation = simulation
        timeout = Timeout(
            "timeout", after: .milliseconds(5), time: simulation.time, spawner: simulation.spawner)
    }

    func call() async throws {
        let begin = simulation.time.now, seen = Book(Seen()), wasCancelled = Task.isCancelled
        let left: Duration? = simulation.one(of: [nil, nil, .milliseconds(simulation.below(8) - 1)])
        let deadline = left.map(begin.advanced)
        do {
            let value = try await timeout.run(deadline: deadline, discard: goods.settle) {
                [goods, simulation] in
                seen { $0.begun += 1 }
                defer { seen { $0.ended += 1 } }
                do { try await simulation.hazard() } catch let failure as InjectedFailure {
                    seen { $0.failure = failure.number }
                    throw failure
                }
                return goods.produce()
            }
            goods.settle(value)
            simulation.succeeded()
        } catch let rejection as Rejection {
            simulation.expectFair(rejection, rejections: [.timedOut, .deadlinePassed])
            let took = simulation.time.now.since(begin), isLate = rejection.reason == .deadlinePassed
            simulation.expect(seen { $0.failure } == 0, "an error of the operation's own was replaced")
            simulation.expect(seen { $0.begun } == (isLate ? 0 : 1), "\(rejection): \(seen { $0 })")
            simulation.expect(isLate == (left.map { $0 <= .zero } ?? false), "\(rejection), \(left as Any)")
            simulation.expect(
                isLate || took >= min(timeout.limit, left ?? timeout.limit), "timed out after \(took)")
        } catch {
            simulation.expectFair(error)
            let failure = error as? InjectedFailure
            simulation.expect(failure.map { $0.number == seen { $0.failure } } ?? true, "another error")
        }
        let (begun, ended) = seen { ($0.begun, $0.ended) }
        simulation.expect(begun == ended, "it returned before its operation")
        simulation.expect(begun <= 1 && !(wasCancelled && begun > 0), "it began \(begun) times")
        try Task.checkCancellation()
    }

    func end() {
        simulation.expect(goods.open == 0, "\(goods.open) values were lost")
        simulation.expect(goods.faults.isEmpty, "\(goods.faults)")
    }
}
