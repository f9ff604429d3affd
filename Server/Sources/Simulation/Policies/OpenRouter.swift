import Resilience

/// OpenRouter's documented default: among the providers without a significant outage in the last 30 s, by chance with
/// the inverse square of the price.
public struct OpenRouter: SimulatedPolicy, Baseline {
    let providers: KnownProviders
    var chance: Chance
    /// 1 for each failure.
    private var recent: [SlidingWindow]
    private var closedUntil: [Double]

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        recent = Array(repeating: SlidingWindow(), count: providers.count)
        closedUntil = Array(repeating: 0, count: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        let admitted = candidates.only { time >= closedUntil[$0] }
        guard !admitted.isEmpty else { return nil }
        var stable = ProviderSet()
        for provider in admitted where !hasOutage(provider, at: time) { stable.insert(provider) }
        let ticket = chance.unit()
        return (stable.isEmpty ? admitted : stable).drawn(by: ticket) { provider in
            let price = max(1e-9, providers.expectedCost(of: request.request, at: provider))
            return 1 / (price * price)
        }
    }

    /// At least two failures, and more than a fifth.
    private mutating func hasOutage(_ provider: Int, at time: Double) -> Bool {
        recent[provider].forget(before: time - 30)
        let failures = recent[provider].sum
        return failures >= 2 && failures > 0.2 * Double(recent[provider].count)
    }

    /// Counts it for the outages.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        guard result.kind != .badRequest else { return }
        if case .rejected(let retryAfter) = result.kind { closedUntil[attempt.provider] = time + retryAfter }
        recent[attempt.provider].append(result.kind == .valid ? 0 : 1, at: time)
    }
}
