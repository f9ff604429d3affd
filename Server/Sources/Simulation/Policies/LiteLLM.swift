import Resilience

/// LiteLLM's simple-shuffle, its default: by chance in proportion to the rate limits, with its cooldown of 5 s, which
/// begins at once after a refusal by a rate limit, or if more than half of a minute's attempts have failed.
public struct LiteLLMShuffle: SimulatedPolicy, Baseline {
    let providers: KnownProviders
    var chance: MersenneTwister
    private var cooldowns: LiteLLMCooldowns
    private let rates: [Double]

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = MersenneTwister(seed: seed &* 7919 &+ 13)
        cooldowns = LiteLLMCooldowns(providers: providers.count)
        rates = world.scenario.providers.map(\.rateLimit)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        let admitted = candidates.only { cooldowns.admits($0, at: time) }
        guard !admitted.isEmpty else { return nil }
        let ticket = chance.unit()
        return admitted.drawn(by: ticket) { rates[$0] }
    }

    /// Counts it for the cooldowns.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        cooldowns.note(result.kind, at: attempt.provider, time: time)
    }
}

/// LiteLLM's lowest-latency routing with its default buffer of 0 and its cooldown: the lowest mean of ten times per
/// output token is asked, where a time-out counts as 1000 s. From the eleventh on, a sample takes the tenth's place,
/// as there.
public struct LiteLLMLowestLatency: SimulatedPolicy, Baseline {
    private static let mostSamples = 10

    let providers: KnownProviders
    var chance: Chance
    private var cooldowns: LiteLLMCooldowns
    /// Room for the samples of one provider after the other.
    private var samples: [Double]
    private var counts: [Int]

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        cooldowns = LiteLLMCooldowns(providers: providers.count)
        samples = Array(repeating: 0, count: providers.count * Self.mostSamples)
        counts = Array(repeating: 0, count: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        let admitted = candidates.only { cooldowns.admits($0, at: time) }
        let unknown = admitted.only { counts[$0] == 0 }
        return unknown.isEmpty ? admitted.best { -mean(of: $0) } : anyone(of: unknown)
    }

    private func mean(of provider: Int) -> Double {
        let first = provider * Self.mostSamples, count = counts[provider]
        var sum = 0.0
        for place in first..<first + count { sum += samples[place] }
        return sum / Double(count)
    }

    /// Counts it for the cooldowns, and adds its time.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        let provider = attempt.provider
        cooldowns.note(result.kind, at: provider, time: time)
        switch result.kind {
        case .valid: add(result.elapsed / Double(max(1, request.request.output)), at: provider)
        case .timedOut: add(1000, at: provider)
        case .invalid, .badRequest, .rejected, .serverError, .outOfTime: break
        }
    }

    private mutating func add(_ sample: Double, at provider: Int) {
        counts[provider] = min(counts[provider] + 1, Self.mostSamples)
        samples[provider * Self.mostSamples + counts[provider] - 1] = sample
    }
}

/// LiteLLM's cooldowns.
struct LiteLLMCooldowns: Sendable {
    private static let seconds = 5.0

    private var until: [Double]
    private var minutes: [Int]
    private var successes: [Int]
    private var failures: [Int]

    init(providers: Int) {
        until = Array(repeating: 0, count: providers)
        minutes = Array(repeating: -1, count: providers)
        successes = Array(repeating: 0, count: providers)
        failures = successes
    }

    func admits(_ provider: Int, at time: Double) -> Bool { time >= until[provider] }

    mutating func note(_ kind: SimulatedResult.Kind, at provider: Int, time: Double) {
        guard kind != .badRequest else { return }
        let minute = Int(time / 60)
        if minute != minutes[provider] {
            (minutes[provider], successes[provider], failures[provider]) = (minute, 0, 0)
        }
        guard !kind.isAnswer else {
            successes[provider] += 1
            return
        }
        failures[provider] += 1
        if case .rejected(let retryAfter) = kind {
            until[provider] = time + max(Self.seconds, retryAfter)
        } else if failures[provider] + successes[provider] > 1, failures[provider] > successes[provider] {
            until[provider] = time + Self.seconds
        }
    }
}
