import Foundation
import Resilience

/// The upper confidence bound of the mean reward in the last 120 s (A. Garivier, E. Moulines: "On upper-confidence
/// bound policies for switching bandit problems", 2011).
public struct SlidingWindowUCB: SimulatedPolicy, Bandit {
    private static let window = 120.0
    private static let priorCount = 0.05
    private static let prior = 0.8

    let providers: KnownProviders
    var chance: Chance
    private var rewards: [SlidingWindow]
    /// The rewards in all windows.
    private var total = 0

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        rewards = Array(repeating: SlidingWindow(), count: providers.count)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        candidates.best { provider in
            let before = rewards[provider].count
            rewards[provider].forget(before: time - Self.window)
            total -= before - rewards[provider].count
            let count = Double(rewards[provider].count) + Self.priorCount
            let mean = (rewards[provider].sum + Self.priorCount * Self.prior) / count
            return mean + 0.3 * (log(Double(total + 2)) / count).squareRoot()
        }
    }

    mutating func learn(
        _ reward: Double, from attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
    ) {
        rewards[attempt.provider].append(reward, at: time)
        total += 1
    }
}
