import Foundation
import Resilience

/// EXP3.S: draws with exponential weights of the rewards and shares a little weight among all, so that it follows
/// changes (P. Auer et al.: "The nonstochastic multiarmed bandit problem", 2002).
public struct EXP3S: SimulatedPolicy, Bandit {
    /// The share of draws by mere chance.
    private static let exploration = 0.07
    private static let learningRate = 0.1
    /// The share of all weight that each provider gets after each reward.
    private static let sharing = 0.001
    /// The probability that is assumed where none was drawn with.
    private static let usualProbability = 0.2

    let providers: KnownProviders
    var chance: Chance
    private var logWeights: [Double]
    /// Room for a computation.
    private var scratch: [Double]
    /// The probabilities that attempts were drawn with.
    private var drawn = PendingAttempts<Double>()

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        logWeights = Array(repeating: 0, count: providers.count)
        scratch = logWeights
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        var highest = -Double.infinity, sum = 0.0
        for provider in candidates { highest = max(highest, logWeights[provider]) }
        for provider in candidates {
            scratch[provider] = exp(logWeights[provider] - highest)
            sum += scratch[provider]
        }
        let evenly = Self.exploration / Double(candidates.count)
        for provider in candidates {
            scratch[provider] = (1 - Self.exploration) * scratch[provider] / sum + evenly
        }
        let ticket = chance.unit()
        guard let provider = candidates.drawn(by: ticket, weight: { scratch[$0] }) else { return nil }
        drawn.put(scratch[provider], request: request.request.index, provider: provider)
        return provider
    }

    /// Adds the reward to the weight, by the probability that the attempt was drawn with.
    mutating func learn(
        _ reward: Double, from attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
    ) {
        let provider = attempt.provider
        let probability =
            drawn.take(request: request.request.index, provider: provider) ?? Self.usualProbability
        logWeights[provider] += Self.learningRate * reward / probability * Self.exploration * 3
        var highest = -Double.infinity, sum = 0.0
        for weight in logWeights { highest = max(highest, weight) }
        for place in logWeights.indices {
            scratch[place] = exp(logWeights[place] - highest)
            sum += scratch[place]
        }
        let share = Self.sharing * sum / Double(providers.count)
        for place in logWeights.indices { logWeights[place] = log(scratch[place] + share) }
    }

    mutating func forget(_ attempt: SimulatedAttempt, of request: SimulatedRequest) {
        _ = drawn.take(request: request.request.index, provider: attempt.provider)
    }
}
