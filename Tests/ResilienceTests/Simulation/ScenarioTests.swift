import ResilienceTesting
import Testing

/// The library among callers that are delayed, failed and cancelled in an order that a seed draws.
///
/// Each scenario is run with 2000 seeds, 42,000 runs in all, which take about 35 seconds of one core in a debug build.
/// `HOLDFAST_SEED=17` runs that seed alone, `HOLDFAST_SEEDS=100000` more of them.
@Suite struct ScenarioTests {
    private static let scenarios: [Scenario] = [
        .breaker, .retry, .hedge, .bulkhead, .concurrencyLimit, .cache, .tieredCache, .batcher,
        .mergingBatcher, .f72, .rateLimiter, .timeout, .pipeline, .fallbackOverHedge, .cacheOverPipeline,
        .retriedBatches, .ramp, .reconfiguring, .isolation, .adaptiveRetry, .chaos,
    ]

    @Test(arguments: scenarios)
    func `whatever the order, nothing is lost, doubled or exceeded`(scenario: Scenario) async throws {
        let seeds = SimulationSeeds.usually(2000), tally = Tally()
        try await Tally.$current.withValue(tally) {
            try await Simulation.run(seeds: seeds, policy: scenario.policy, scenario.body)
        }
        guard seeds.count >= 1000 else { return }
        for end in scenario.ends { #expect(tally[end] > seeds.count / 20, "\(end) in \(scenario.name)") }
    }

    @Test(arguments: scenarios)
    func `a seed shows the same run again`(scenario: Scenario) throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            let runs = try (0..<2).map { _ in
                try Simulation.run(seed: seed, policy: scenario.policy) { simulation in
                    try await scenario.body(simulation)
                    return [simulation.fingerprint, UInt64(simulation.steps)]
                }
            }
            #expect(runs[0] == runs[1], "seed \(seed)")
        }
    }
}
