/// The policies that can be compared in a simulation.
public enum PolicyName: String, Sendable, Hashable, CaseIterable {
    /// The gateway's own.
    case adaptive
    case primarySecondary = "primary_secondary"
    case roundRobin = "round_robin_cd300"
    case staticScore = "static_multifactor"
    case liteLLMShuffle = "litellm_shuffle"
    case liteLLMLowestLatency = "litellm_lowest_latency"
    case openRouter = "openrouter_invprice2"
    case peakEWMA = "p2c_peak_ewma"
    case slidingWindowThompson = "sw_thompson_success"
    case discountedThompson = "disc_thompson_utility"
    case discountedUCB = "d_ucb_utility"
    case slidingWindowUCB = "sw_ucb_utility"
    case exp3S = "exp3s_utility"
    case linUCB = "lin_ucb_disc"
    case oracleState = "oracle_state"
    case oracleBid = "oracle_bid"
    /// For a world without limits only; see ``world(for:)``.
    case relaxedBound = "relaxed_bound"

    /// Whether it knows what no policy can know, and so is a bound and no rival.
    public var isOracle: Bool {
        switch self {
        case .oracleState, .oracleBid, .relaxedBound: true
        default: false
        }
    }

    /// What it does, in one line.
    public var summary: String {
        switch self {
        case .adaptive: "learns from every attempt and asks whoever is worth most now"
        case .primarySecondary: "fixed order; a breaker opens for 60 s after 5 failures in a row"
        case .roundRobin: "in turn; 300 s pause after 3 failures in a row"
        case .staticScore: "best fixed weighting of long-run success, cost, latency and quality"
        case .liteLLMShuffle: "LiteLLM's simple-shuffle: by chance in proportion to rate limits; 5 s cooldown"
        case .liteLLMLowestLatency: "LiteLLM's lowest-latency routing; 5 s cooldown"
        case .openRouter: "OpenRouter's default: no outage in the last 30 s, weight 1/price²"
        case .peakEWMA: "Finagle's peak EWMA with two random choices and failure accrual"
        case .slidingWindowThompson: "Thompson sampling of success in the last 120 s"
        case .discountedThompson: "Thompson sampling of the reward with a half-life of 60 s"
        case .discountedUCB: "upper confidence bound of the reward with a half-life of 60 s"
        case .slidingWindowUCB: "upper confidence bound of the reward in the last 120 s"
        case .exp3S: "EXP3.S: exponential weights of rewards, for adversarial changes"
        case .linUCB: "LinUCB: linear forecast of the reward from sizes and load"
        case .oracleState: "knows every provider's state and the size of the answer, but not its luck"
        case .oracleBid: "the same with a price for scarce limits, and with hedges"
        case .relaxedBound: "the same where limits and load do not bind: an upper bound"
        }
    }

    /// The world that it is to be played in: the world itself, or for ``relaxedBound`` the same without limits.
    public func world(for world: World) -> World {
        self == .relaxedBound ? world.withoutLimits() : world
    }

    /// Creates the policy for a world, which is one that ``world(for:)`` has returned; nil for ``adaptive``, which
    /// needs more than that.
    public func policy(
        in world: World, utility: WorldFile.Utility, seed: UInt64
    ) -> (any SimulatedPolicy)? {
        switch self {
        case .adaptive: nil
        case .primarySecondary: PrimarySecondary(world, utility: utility, seed: seed)
        case .roundRobin: RoundRobin(world, utility: utility, seed: seed)
        case .staticScore: StaticScore(world, utility: utility, seed: seed)
        case .liteLLMShuffle: LiteLLMShuffle(world, utility: utility, seed: seed)
        case .liteLLMLowestLatency: LiteLLMLowestLatency(world, utility: utility, seed: seed)
        case .openRouter: OpenRouter(world, utility: utility, seed: seed)
        case .peakEWMA: TwoChoices(world, utility: utility, seed: seed)
        case .slidingWindowThompson: SlidingWindowThompson(world, utility: utility, seed: seed)
        case .discountedThompson: DiscountedThompson(world, utility: utility, seed: seed)
        case .discountedUCB: DiscountedUCB(world, utility: utility, seed: seed)
        case .slidingWindowUCB: SlidingWindowUCB(world, utility: utility, seed: seed)
        case .exp3S: EXP3S(world, utility: utility, seed: seed)
        case .linUCB: LinUCB(world, utility: utility, seed: seed)
        case .oracleState: Oracle(world, utility: utility, seed: seed, .state)
        case .oracleBid: Oracle(world, utility: utility, seed: seed, .bid)
        case .relaxedBound: Oracle(world, utility: utility, seed: seed, .relaxed)
        }
    }
}
