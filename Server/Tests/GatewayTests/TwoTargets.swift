import Generation
import Resilience
import Routing

@testable import Gateway

/// Two targets of which the first is worth more, and a request for them.
struct TwoTargets {
    let selector: AdaptiveSelector
    let time = TimeSource()

    private static let shape = RequestShape(input: 500, output: 100)
    private static let situation = AdaptiveSelector.Situation(
        timeLeft: 30, time: 30, attempts: 0, failures: 0, maximumAttempts: 5)

    init() {
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
        selector = AdaptiveSelector(
            ["a", "b"].map { name in
                AdaptiveSelector.Candidate(
                    registry.health(
                        of: TargetIdentity(provider: name, location: "", model: "m", key: ""), label: name,
                        credential: "", settings: .init(breaker: .learned, bulkhead: nil)),
                    TargetFacts(inputPrice: 1e-6, outputPrice: 1e-6, quality: name == "a" ? 10 : 8))
            }, chance: Chance(seed: 2))
    }

    /// Whom a request would ask; who has to be forced counts as asked.
    func plan() -> Plan { choose().plan }

    /// The same with where each target stands.
    func choose(_ weights: AdaptiveWeights = AdaptiveWeights()) -> AdaptiveSelector.Ranking {
        selector.plan(for: Self.shape, Self.situation, weights: weights, at: time.now) { _ in 0 }
    }

    /// Whom a request would ask.
    func preview() -> Plan {
        selector.preview(for: Self.shape, Self.situation, weights: AdaptiveWeights(), at: time.now)
    }

    /// Learns from an attempt that begins now.
    func lesson(at index: Int) throws -> Lesson {
        let health = selector.candidates[index].health
        return Lesson(
            health, Self.shape, try health.breaker.admit(), selector: selector, candidate: index, at: time.now
        )
    }
}
