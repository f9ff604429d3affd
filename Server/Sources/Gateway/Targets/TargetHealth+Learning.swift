import Generation
import Resilience
import Routing
import Synchronization

/// What is learned of a target from each attempt by its ``Lesson``, for strategies that choose by it.
extension TargetHealth {
    /// A probe was answered and the breaker is closed again: what was learned of its failing is over.
    func noteRecovery() { estimate.withLock { $0.recovered() } }

    /// How the target stands for a request.
    func assess(
        _ shape: RequestShape, _ facts: TargetFacts, _ weights: AdaptiveWeights, timeLeft: Double,
        chance: inout Chance?, at seconds: Double
    ) -> Assessment {
        var assessment = estimate.withLock {
            $0.assess(shape, facts, weights, timeLeft: timeLeft, chance: &chance, at: seconds)
        }
        if let wait = quota?.wait(at: seconds), wait > 0 { assessment.waitForQuota(wait) }
        return assessment
    }
}

extension Instant {
    /// Seconds since the clock's origin.
    var seconds: Double { sinceOrigin.inSeconds }
}
