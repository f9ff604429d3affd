import Foundation
import Resilience

/// Thompson sampling of the mean reward with a normal distribution; what was seen loses half its weight in 60 s
/// (V. Raj, S. Kalyani: "Taming non-stationary bandits: a Bayesian approach", 2017).
public struct DiscountedThompson: SimulatedPolicy, Bandit {
    let providers: KnownProviders
    var chance: Chance
    private var rewards: DiscountedRewards

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        rewards = DiscountedRewards(providers: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        candidates.best { provider in
            rewards.age(provider, to: time)
            let (mean, count) = rewards.mean(of: provider, priorCount: 1)
            return mean + chance.normal() * 0.25 / count.squareRoot()
        }
    }

    mutating func learn(
        _ reward: Double, from attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
    ) {
        rewards.add(reward, at: attempt.provider, time: time)
    }
}

/// The discounted upper confidence bound of the mean reward; what was seen loses half its weight in 60 s (A. Garivier,
/// E. Moulines: "On upper-confidence bound policies for switching bandit problems", 2011).
public struct DiscountedUCB: SimulatedPolicy, Bandit {
    let providers: KnownProviders
    var chance: Chance
    private var rewards: DiscountedRewards

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        rewards = DiscountedRewards(providers: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        candidates.best { provider in
            rewards.age(provider, to: time)
            let (mean, count) = rewards.mean(of: provider, priorCount: 0.05)
            return mean + 0.3 * (log(rewards.count + 2) / count).squareRoot()
        }
    }

    mutating func learn(
        _ reward: Double, from attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
    ) {
        rewards.add(reward, at: attempt.provider, time: time)
    }
}

/// Rewards that lose half their weight in 60 s.
struct DiscountedRewards: Sendable {
    private static let halfLife = 60.0
    /// What a reward is taken for before it was seen.
    private static let prior = 0.8

    private var counts: [Double]
    private var sums: [Double]
    private var updated: [Double]

    init(providers: Int) {
        counts = Array(repeating: 0, count: providers)
        sums = counts
        updated = counts
    }

    /// The weight of all rewards, as they were when each provider was last looked at.
    var count: Double { counts.reduce(0, +) }

    mutating func age(_ provider: Int, to time: Double) {
        let weight = exp2((updated[provider] - time) / Self.halfLife)
        counts[provider] *= weight
        sums[provider] *= weight
        updated[provider] = time
    }

    mutating func add(_ reward: Double, at provider: Int, time: Double) {
        age(provider, to: time)
        counts[provider] += 1
        sums[provider] += reward
    }

    /// The mean reward of a provider, and the weight behind it.
    func mean(of provider: Int, priorCount: Double) -> (mean: Double, count: Double) {
        let count = counts[provider] + priorCount
        return ((sums[provider] + priorCount * Self.prior) / count, count)
    }
}
