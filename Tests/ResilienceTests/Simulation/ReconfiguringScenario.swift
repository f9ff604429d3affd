import ResilienceTesting

extension Scenario {
    /// A breaker whose policy changes while calls are in flight, probes out and openings under way.
    static let reconfiguring = Scenario("circuit breaker, reconfigured under load") { simulation in
        let scene = BreakerScene(simulation)
        simulation.crowd(8, calls: 3) { _ in try await scene.call() }
        simulation.start("operator") {
            for _ in 0..<8 {
                try await simulation.delay(upTo: .milliseconds(10))
                scene.reconfigure()
            }
        }
        await simulation.untilIdle()
        try await scene.end()
    }
}
