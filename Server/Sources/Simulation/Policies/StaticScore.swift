import Resilience

/// A fixed weighting of success, cost, latency and quality over all that was ever seen, as gateways with a "smart"
/// score have it: the best score is always asked; five failures in a row give a pause of 60 s.
public struct StaticScore: SimulatedPolicy, Baseline {
    let providers: KnownProviders
    var chance: Chance
    private var breakers: ConsecutiveFailures
    private var successes: [Double]
    private var attempts: [Double]
    private var latencies: [Double]

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        breakers = ConsecutiveFailures(.init(threshold: 5, pause: 60), providers: providers.count)
        successes = Array(repeating: 20, count: providers.count)
        attempts = successes
        latencies = Array(repeating: 3, count: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        var highestCost = 0.0, highestLatency = 0.0
        for provider in 0..<providers.count {
            highestCost = max(highestCost, providers.expectedCost(of: request.request, at: provider))
            highestLatency = max(highestLatency, latencies[provider])
        }
        return candidates.only { breakers.admits($0, at: time) }.best { provider in
            let cost = providers.expectedCost(of: request.request, at: provider)
            return 0.3 * successes[provider] / attempts[provider]
                + 0.25 * (highestCost > 0 ? 1 - cost / highestCost : 0)
                + 0.25 * (1 - latencies[provider] / highestLatency)
                + 0.2 * providers.qualities[provider] / 10
        }
    }

    /// Adds it to what was ever seen.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        guard result.kind != .badRequest else { return }
        let provider = attempt.provider
        attempts[provider] += 1
        guard result.kind == .valid else { return breakers.noteFailure(at: provider, time: time) }
        successes[provider] += 1
        latencies[provider] += 0.05 * (result.elapsed - latencies[provider])
        breakers.noteSuccess(at: provider)
    }
}
