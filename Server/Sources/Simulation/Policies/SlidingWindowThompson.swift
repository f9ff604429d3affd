import Resilience

/// Thompson sampling of the share of successes in the last 120 s (F. Trovò et al.: "Sliding-window Thompson sampling
/// for non-stationary environments", 2020).
public struct SlidingWindowThompson: SimulatedPolicy, Baseline {
    private static let window = 120.0

    let providers: KnownProviders
    var chance: Chance
    /// 1 for each success.
    private var recent: [SlidingWindow]

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        recent = Array(repeating: SlidingWindow(), count: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        candidates.best { provider in
            recent[provider].forget(before: time - Self.window)
            let successes = recent[provider].sum
            return chance.beta(
                successes: 1 + successes, failures: 1 + Double(recent[provider].count) - successes)
        }
    }

    /// Adds whether it was a success.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        guard result.kind != .badRequest else { return }
        recent[attempt.provider].append(result.kind == .valid ? 1 : 0, at: time)
    }
}
