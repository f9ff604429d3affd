public import Generation
public import Resilience
public import Routing
import Synchronization

/// What is learned of a target from each attempt, for strategies that choose by it.
extension TargetHealth {
    /// An attempt whose outcome is being learned from.
    public struct Observation: Sendable {
        fileprivate let id: UInt64
        fileprivate let shape: RequestShape
        fileprivate let began: Double
        fileprivate var hasFirstToken = false
    }

    /// An attempt begins.
    public func observe(_ shape: RequestShape, at now: Instant) -> Observation {
        let seconds = now.seconds
        let id = estimate.withLock { $0.began(at: seconds) }
        return Observation(id: id, shape: shape, began: seconds)
    }

    /// Its first token has come.
    public func noteFirstToken(_ observation: inout Observation, at now: Instant) {
        guard !observation.hasFirstToken else { return }
        observation.hasFirstToken = true
        let seconds = now.seconds, id = observation.id, time = seconds - observation.began
        estimate.withLock { $0.firstToken(of: id, after: time, at: seconds) }
    }

    /// It has ended in an answer.
    ///
    /// - Parameters:
    ///   - perToken: How long each token took after the first, if that is known.
    ///   - remaining: The share of the provider's limit that is left, if the response says so.
    public func noteAnswer(
        _ observation: Observation, perToken: Duration?, remaining: Double? = nil, at now: Instant
    ) {
        note(observation, .answered(perToken: perToken.map { $0 / .seconds(1) }), remaining, at: now.seconds)
    }

    /// It has ended in an answer that came as a whole.
    public func noteWholeAnswer(_ observation: Observation, tokens: Int?, at now: Instant) {
        let seconds = now.seconds
        note(
            observation, .answeredWhole(after: seconds - observation.began, tokens: tokens), nil, at: seconds)
    }

    /// It has failed. Opens the breaker if the target is likely to go on failing.
    ///
    /// - Parameters:
    ///   - counts: Whether the failure says something of the target's health.
    ///   - trips: Whether what was learned may open the breaker.
    public func noteFailure(
        _ observation: Observation, _ failure: AttemptFailure, counts: Bool, trips: Bool,
        remaining: Double? = nil, at now: Instant
    ) {
        let seconds = now.seconds
        switch failure.kind {
        case .rateLimit:
            let wait = failure.retryAfter.map { $0 / .seconds(1) } ?? 1
            note(observation, .refused(retryAfter: wait), remaining, at: seconds)
        case .timeout where failure.phase == .firstToken || failure.phase == .head:
            note(observation, .nothingCame(within: seconds - observation.began), remaining, at: seconds)
        case .qualityFailure:
            note(observation, .failed(after: seconds - observation.began), remaining, at: seconds)
        default:
            let result: TargetEstimate.Result =
                counts ? .failed(after: seconds - observation.began) : .ignored
            note(observation, result, remaining, at: seconds)
        }
        if trips, breaker.readiness == .ready, estimate.withLock({ $0.success.isFailing }) { breaker.open() }
    }

    /// It was given up, since another attempt was quicker or the caller has left.
    public func noteGivingUp(_ observation: Observation, at now: Instant) {
        let seconds = now.seconds
        estimate.withLock {
            $0.givenUp(
                observation.id, after: seconds - observation.began, hadFirstToken: observation.hasFirstToken,
                of: observation.shape, at: seconds)
        }
    }

    /// A probe was answered and the breaker is closed again: what was learned of its failing is over.
    public func noteRecovery() { estimate.withLock { $0.recovered() } }

    private func note(
        _ observation: Observation, _ result: TargetEstimate.Result, _ remaining: Double?, at seconds: Double
    ) {
        estimate.withLock {
            $0.ended(observation.id, result, of: observation.shape, remaining: remaining, at: seconds)
        }
    }

    /// How the target stands for a request.
    func assess(
        _ shape: RequestShape, _ facts: TargetFacts, _ weights: AdaptiveWeights, timeLeft: Double,
        chance: inout Chance?, at seconds: Double
    ) -> Assessment {
        estimate.withLock {
            $0.assess(shape, facts, weights, timeLeft: timeLeft, chance: &chance, at: seconds)
        }
    }
}

extension Instant {
    /// Seconds since the clock's origin.
    var seconds: Double {
        let (seconds, attoseconds) = sinceOrigin.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
