import Resilience

/// Providers in turn, as simple gateways do it: one with three failures in a row is left out for 300 s.
public struct RoundRobin: SimulatedPolicy, Baseline {
    let providers: KnownProviders
    var chance: Chance
    private var breakers: ConsecutiveFailures
    private var turn: UInt = 0

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        breakers = ConsecutiveFailures(.init(threshold: 3, pause: 300), providers: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        let admitted = candidates.only { breakers.admits($0, at: time) }
        guard !admitted.isEmpty else { return nil }
        turn &+= 1
        return admitted.at(Int(turn % UInt(admitted.count)))
    }

    /// Tells the breaker.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        breakers.note(result.kind, at: attempt.provider, time: time)
    }
}
