/// The order of a configuration file with a classic breaker, as in nginx's `backup` servers: the first provider is
/// asked as long as it works; after five failures in a row it is left alone for 60 s, and each failure soon after it
/// closes it again.
public struct PrimarySecondary: SimulatedPolicy, Baseline {
    let providers: KnownProviders
    var chance: MersenneTwister
    private var breakers: ConsecutiveFailures

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = MersenneTwister(seed: seed &* 7919 &+ 13)
        breakers = ConsecutiveFailures(
            .init(threshold: 5, pause: 60, remembered: 4), providers: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        candidates.only { breakers.admits($0, at: time) }.first
    }

    /// Tells the breaker.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        breakers.note(result.kind, at: attempt.provider, time: time)
    }
}
