import Gateway
import Generation
import Resilience
public import Routing

/// The gateway's own adaptive selection, with the gateway's own breakers and estimates, in virtual time.
public struct AdaptivePolicy: SimulatedPolicy {
    /// What the gateway would hold for an attempt.
    private final class Held {
        var observation: TargetHealth.Observation
        var permit: CircuitBreaker.Permit?
        let isProbe: Bool

        init(_ observation: TargetHealth.Observation, _ permit: consuming CircuitBreaker.Permit?) {
            self.observation = observation
            isProbe = permit?.isProbe ?? false
            self.permit = permit
        }
    }

    /// Five.
    public let maximumAttempts = 5
    /// All the time that a request has; limits for the first token are the selection's.
    public let attemptLimit: Double
    private let deadline: Double
    private let selector: AdaptiveSelector
    private let weights: AdaptiveWeights
    private let time = VirtualTime()
    private var held: [Int: Held] = [:]
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
            AdaptiveSelector.Candidate(
                registry.health(
                    of: TargetIdentity(provider: provider.name, location: "", model: "", key: ""),
                    label: provider.name, credential: "",
                    settings: TargetRegistry.Settings(
                        breaker: .learned, bulkhead: nil,
                        limit: .init(requestsPerSecond: provider.rateLimit, burst: provider.burst))),
                TargetFacts(
                    inputPrice: provider.inputPrice * 1e-6, outputPrice: provider.outputPrice * 1e-6,
                    quality: provider.quality, requestsPerSecond: provider.rateLimit, burst: provider.burst))
        }
        selector = AdaptiveSelector(candidates, chance: Chance(seed: seed &* 31 &+ 7))
    }

    /// What the gateway's selection says.
    public mutating func plan(for request: SimulatedRequest, at time: Double, in world: World) -> Plan {
        self.time.set(time)
        let situation = AdaptiveSelector.Situation(
            timeLeft: request.deadline - time, time: deadline, attempts: request.attempts,
            failures: request.failures, maximumAttempts: maximumAttempts)
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
            return .refused(retryAfter: error.retryAfter.map { $0 / .seconds(1) } ?? 1)
        }
    }

    /// Begins to observe it.
    public mutating func began(_ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double) {
        self.time.set(time)
        // A hedge is not asked for admission: it only goes to those whose breaker is closed.
        let health = selector.candidates[attempt.provider].health
        let permit = admitted.permit.take() ?? (try? health.breaker.admit())
        selector.began(isRetry: request.failures > 0)
        held[attempt.id] = Held(health.observe(Self.shape(request), at: self.time.now), permit)
    }

    /// Learns how long it took.
    public mutating func receivedFirstToken(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double
    ) {
        self.time.set(time)
        guard let held = held[attempt.id] else { return }
        selector.candidates[attempt.provider].health.noteFirstToken(&held.observation, at: self.time.now)
    }

    /// Settles the breaker's permit and learns.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        self.time.set(time)
        guard let held = held.removeValue(forKey: attempt.id) else { return }
        let health = selector.candidates[attempt.provider].health, now = self.time.now
        switch result.kind {
        case .valid:
            held.permit.take()?.settle(.success)
            let each = max(
                1e-4, (result.elapsed - result.firstToken) / Double(max(1, request.request.output)))
            health.noteAnswer(
                held.observation, perToken: .seconds(each), remaining: result.remaining, at: now)
            if held.isProbe { selector.probeSucceeded(at: attempt.provider, at: now) }
        case .badRequest:
            held.permit.take()?.settle(.ignored)
            health.noteFailure(
                held.observation, .simulated(result.kind), counts: false, trips: false, at: now)
        case .invalid, .rejected, .serverError, .timedOut, .outOfTime:
            let failure = AttemptFailure.simulated(result.kind)
            let conduct = FailureTable.otherTargetsFirst.conduct(for: failure)
            held.permit.take()?.settle(conduct.countsAgainstBreaker ? .failure() : .ignored)
            health.noteFailure(
                held.observation, failure, counts: conduct.countsAgainstBreaker, trips: true,
                remaining: result.kind == .invalid ? result.remaining : nil, at: now)
        }
    }

    /// Gives the permit back and learns if it was late.
    public mutating func cancelled(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, hadFirstToken: Bool, at time: Double
    ) {
        self.time.set(time)
        guard let held = held.removeValue(forKey: attempt.id) else { return }
        held.permit.take()?.settle(held.isProbe && !hadFirstToken ? .failure() : .ignored)
        selector.candidates[attempt.provider].health.noteGivingUp(held.observation, at: self.time.now)
    }

    private static func shape(_ request: SimulatedRequest) -> RequestShape {
        RequestShape(input: Double(request.request.input), output: request.request.estimate)
    }
}
