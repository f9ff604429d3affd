import Gateway
import Generation
import Resilience
public import Routing

/// The gateway's own adaptive selection, with the gateway's own breakers and estimates, in virtual time.
public struct AdaptivePolicy: SimulatedPolicy {
    /// Five.
    public let maximumAttempts = 5
    /// All the time that a request has; limits for the first token are the selection's.
    public let attemptLimit: Double
    private let deadline: Double
    private let selector: AdaptiveSelector
    private let weights: AdaptiveWeights
    private let time = VirtualTime()
    private var lessons: [Int: Lesson] = [:]
    /// The permit of the attempt that is about to begin.
    private let admitted = Admitted()

    private final class Admitted { var permit: CircuitBreaker.Permit? }

    /// Creates the policy for a world.
    public init(_ world: World, _ weights: AdaptiveWeights, deadline: Double, seed: UInt64) {
        self.deadline = deadline
        attemptLimit = deadline
        self.weights = weights
        let source = TimeSource(time)
        let registry = TargetRegistry(
            time: source, chance: Chance(seed: seed &* 7919 &+ 13), onEvent: { _ in }, onCooldown: { _ in })
        let candidates = world.scenario.providers.map { provider in
            let limit = RateLimit(requestsPerSecond: provider.rateLimit, burst: provider.burst)
            return AdaptiveSelector.Candidate(
                registry.health(
                    of: TargetIdentity(provider: provider.name, location: "", model: "", key: ""),
                    label: provider.name, credential: "",
                    settings: TargetRegistry.Settings(
                        breaker: .learned, bulkhead: nil, limit: limit)),
                TargetFacts(
                    inputPrice: provider.inputPrice * 1e-6, outputPrice: provider.outputPrice * 1e-6,
                    quality: provider.quality, limit: limit))
        }
        selector = AdaptiveSelector(candidates, chance: Chance(seed: seed &* 31 &+ 7))
    }

    /// What the gateway's selection says.
    public mutating func plan(for request: SimulatedRequest, at time: Double, in world: World) -> Plan {
        self.time.set(time)
        let situation = AdaptiveSelector.Situation(
            timeLeft: request.deadline - time, time: deadline, attempts: request.attempts,
            failures: request.failures, maximumAttempts: maximumAttempts, mayExplore: weights.explores)
        return selector.plan(
            for: Self.shape(request), situation, weights: weights, at: self.time.now
        ) { request.failuresAt[$0] }.plan
    }

    /// What the gateway's selection says.
    public mutating func hedge(
        _ request: SimulatedRequest, beside attempt: SimulatedAttempt, at time: Double, in world: World
    ) -> Plan? {
        self.time.set(time)
        return selector.hedge(
            beside: attempt.provider, for: Self.shape(request), timeLeft: .seconds(request.deadline - time),
            weights: weights, at: self.time.now
        ) { request.failuresAt[$0] }
    }

    /// What the provider's breaker says.
    public mutating func admit(
        _ request: SimulatedRequest, at provider: Int, isForced: Bool, time: Double
    ) -> SimulatedAdmission {
        self.time.set(time)
        let breaker = selector.candidates[provider].health.breaker
        if isForced, breaker.readiness != .ready { breaker.halfOpen() }
        do throws(Rejection) {
            admitted.permit = try breaker.admit()
            return .admitted
        } catch {
            return .refused(retryAfter: error.retryAfter.map { $0.inSeconds } ?? 1)
        }
    }

    /// Begins to learn from it.
    public mutating func began(_ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double) {
        self.time.set(time)
        guard let permit = admitted.permit.take() else { return }
        selector.began(isRetry: request.failures > 0)
        lessons[attempt.id] = Lesson(
            selector.candidates[attempt.provider].health, Self.shape(request), permit, selector: selector,
            candidate: attempt.provider, at: self.time.now)
    }

    /// Learns how long it took.
    public mutating func receivedFirstToken(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
    ) {
        self.time.set(time)
        lessons[attempt.id]?.noteFirstToken(at: self.time.now)
    }

    /// Learns what became of it.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        self.time.set(time)
        guard let lesson = lessons.removeValue(forKey: attempt.id) else { return }
        guard result.kind != .valid else {
            return lesson.answered(
                tokens: request.request.output, limit: RateLimitNotice(left: result.remaining),
                at: self.time.now)
        }
        let failure = AttemptFailure.simulated(result.kind)
        lesson.failed(
            failure, FailureTable.otherTargetsFirst.conduct(for: failure),
            limit: result.kind == .invalid ? RateLimitNotice(left: result.remaining) : nil, at: self.time.now)
    }

    /// Learns if it was late.
    public mutating func cancelled(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, hadFirstToken: Bool, at time: Double
    ) {
        self.time.set(time)
        lessons.removeValue(forKey: attempt.id)?.outrun(at: self.time.now)
    }

    private static func shape(_ request: SimulatedRequest) -> RequestShape {
        RequestShape(input: Double(request.request.input), output: request.request.estimate)
    }
}
