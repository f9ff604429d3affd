import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let timeout = Scenario("timeout", ends: [.success, .rejected(.timedOut)]) { simulation in
        let scene = TimeoutScene(simulation)
        simulation.crowd(6, calls: 3) { _ in try await scene.call() }
        await simulation.untilIdle()
        simulation.expect(scene.running { $0 } == 0, "an operation runs on")
    }
}

private final class TimeoutScene: Sendable {
    private let simulation: Simulation
    private let timeout: Timeout
    let running = Book(0)

    init(_ simulation: Simulation) {
        self.simulation = simulation
        timeout = Timeout(
            "timeout", after: .milliseconds(5), time: simulation.time, spawner: simulation.spawner)
    }

    func call() async throws {
        let begun = simulation.time.now, ended = Book((count: 0, failure: 0)), own = simulation.below(1000)
        do {
            let value = try await timeout.run { [running, simulation] in
                running { $0 += 1 }
                defer {
                    running { $0 -= 1 }
                    ended { $0.count += 1 }
                }
                do { try await simulation.hazard() } catch let failure as InjectedFailure {
                    ended { $0.failure = failure.number }
                    throw failure
                }
                return own
            }
            simulation.expect(value == own, "another value")
            simulation.succeeded()
        } catch let rejection as Rejection {
            simulation.expectFair(rejection, rejections: [.timedOut])
            let took = simulation.time.now.since(begun)
            simulation.expect(took >= timeout.limit, "timed out after \(took)")
        } catch {
            simulation.expectFair(error)
            let failure = error as? InjectedFailure
            simulation.expect(failure.map { $0.number == ended { $0.failure } } ?? true, "another error")
        }
        simulation.expect(ended { $0.count } == 1, "it returned before its operation")
        try Task.checkCancellation()
    }
}
