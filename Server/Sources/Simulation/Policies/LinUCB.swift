import Foundation
import Resilience

/// LinUCB, a linear forecast of the reward from the request's sizes and the attempts in flight with its upper
/// confidence bound (L. Li et al.: "A contextual-bandit approach to personalized news article recommendation", 2010);
/// what was seen loses half its weight in 60 s.
public struct LinUCB: SimulatedPolicy, Bandit {
    /// What is known of a provider.
    private struct Model: Sendable {
        /// The sum of the features' outer products, and a ridge.
        var products = Matrix4.diagonal(1)
        /// The sum of the features times their rewards.
        var rewards = SIMD4(LinUCB.prior, 0, 0, 0)
        var inverse = Matrix4.diagonal(1)
        var weights = SIMD4<Double>(repeating: 0)
        var isSolved = false
        var updated = 0.0
        var inFlight = 0

        mutating func age(to time: Double) {
            let weight = exp2((updated - time) / LinUCB.halfLife)
            guard weight < LinUCB.leastAge || !isSolved else { return }
            let ridge = LinUCB.ridge * (1 - weight)
            products.scale(by: weight, addingToDiagonal: ridge)
            rewards *= weight
            rewards[0] += ridge * LinUCB.prior
            updated = time
            solve()
        }

        mutating func learn(_ features: SIMD4<Double>, _ reward: Double, at time: Double) {
            for row in 0..<4 { products[row] += features[row] * features }
            rewards += reward * features
            if updated == 0 { updated = time }
            solve()
        }

        private mutating func solve() {
            inverse = products.inverted()
            weights = inverse.times(rewards)
            isSolved = true
        }
    }

    private static let halfLife = 60.0
    /// The weight of what was seen above which nothing is computed anew.
    private static let leastAge = 0.98
    private static let ridge = 0.2
    /// What a reward is taken for before it was seen.
    private static let prior = 0.8
    private static let confidence = 0.25

    let providers: KnownProviders
    var chance: Chance
    private var models: [Model]
    /// The features that attempts began with.
    private var features = PendingAttempts<SIMD4<Double>>()

    /// Creates the policy for a world.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64) {
        providers = KnownProviders(world, utility)
        chance = Chance(policy: seed)
        models = Array(repeating: Model(), count: providers.count)
    }

    private func features(of request: World.Request, at provider: Int) -> SIMD4<Double> {
        SIMD4(
            1, (log(Double(request.input) + 1) - 7) / 2, (log(request.estimate + 1) - 5) / 2,
            Double(models[provider].inFlight) / 20)
    }

    mutating func pick(for request: SimulatedRequest, among candidates: ProviderSet, at time: Double) -> Int?
    {
        candidates.best { provider in
            models[provider].age(to: time)
            let features = features(of: request.request, at: provider)
            let variance = (features * models[provider].inverse.times(features)).sum()
            return (models[provider].weights * features).sum()
                + Self.confidence * max(0, variance).squareRoot()
        }
    }

    /// Remembers the features it began with.
    public mutating func began(_ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double) {
        let seen = features(of: request.request, at: attempt.provider)
        features.put(seen, request: request.request.index, provider: attempt.provider)
        models[attempt.provider].inFlight += 1
    }

    mutating func learn(
        _ reward: Double, from attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
    ) {
        let provider = attempt.provider
        models[provider].inFlight -= 1
        guard let seen = features.take(request: request.request.index, provider: provider) else { return }
        models[provider].learn(seen, reward, at: time)
    }

    mutating func forget(_ attempt: SimulatedAttempt, of request: SimulatedRequest) {
        models[attempt.provider].inFlight -= 1
        _ = features.take(request: request.request.index, provider: attempt.provider)
    }
}
