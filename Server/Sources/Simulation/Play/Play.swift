import Gateway
import Generation
import Resilience
import Routing

/// A scenario played in virtual time: requests arrive, are led through their providers by the gateway's own decisions,
/// and what becomes of them is told.
///
/// The first valid answer that is finished wins, as the worlds' format has it.
public struct Play<Policy: SimulatedPolicy> {
    private enum Event {
        case firstToken(request: Int, attempt: Int)
        case end(request: Int, attempt: Int, SimulatedResult.Kind)
        case hedge(request: Int, attempt: Int)
        case resume(request: Int, makesPlan: Bool)
    }

    private struct Attempt {
        var seen: SimulatedAttempt
        var fate: World.Attempt
    }

    /// A request that is under way.
    private struct Journey {
        var view: SimulatedRequest
        var machine: Execution.StateMachine
        var outcome: RequestOutcome
        var attempts: [Attempt] = []
    }

    private var world: World
    private var policy: Policy
    private let deadline: Double
    private let patience: Duration
    private let candidates: [Candidate]
    private var journeys: [Int: Journey] = [:]
    private var queue = EventQueue<Event>()
    private var given = 0
    private var ended: [RequestOutcome] = []

    /// Creates a play.
    ///
    /// - Parameters:
    ///   - deadline: Seconds that each request has.
    ///   - patience: How long one request may wait in all for somebody who can be asked.
    public init(_ world: World, _ policy: Policy, deadline: Double, patience: Double) {
        self.world = world
        self.policy = policy
        self.deadline = deadline
        self.patience = .seconds(patience)
        candidates = world.scenario.providers.indices.map { Candidate(target: $0, credential: 0) }
    }

    /// Plays it to its end.
    ///
    /// - Parameter tell: Told of each request that has ended, bad ones included, in the order of their ends.
    public mutating func run(_ tell: (RequestOutcome) -> Void) {
        var arrivals = world.requests.makeIterator(), next = arrivals.next()
        while true {
            if let request = next, queue.nextTime.map({ request.arrival <= $0 }) ?? true {
                arrive(request)
                next = arrivals.next()
            } else if let (time, event) = queue.pop() {
                happen(event, at: time)
            } else {
                return
            }
            ended.forEach(tell)
            ended.removeAll(keepingCapacity: true)
        }
    }

    // MARK: Events

    private mutating func arrive(_ request: World.Request) {
        let now = request.arrival, end = now + deadline
        let view = SimulatedRequest(
            request: request, deadline: end, failuresAt: Array(repeating: 0, count: candidates.count))
        var limits = PhaseLimits()
        (limits.firstToken, limits.total) = (.seconds(deadline), .seconds(policy.attemptLimit))
        let bounds = Execution.Bounds(
            // The format lets an attempt begin at the very end of a request's time, the gateway does not.
            deadline: Instant(simulated: end).advanced(by: .nanoseconds(1)),
            retry: RetrySettings(maximumAttempts: policy.maximumAttempts, patience: patience), limits: limits)
        let machine = Execution.StateMachine(
            candidates, plan: policy.plan(for: view, at: now, in: world), bounds: bounds,
            table: .otherTargetsFirst, chance: Chance(seed: UInt64(truncatingIfNeeded: request.index)))
        var journey = Journey(view: view, machine: machine, outcome: RequestOutcome(request: request))
        let step = journey.machine.start(at: Instant(simulated: now))
        follow(step, &journey, at: now)
    }

    private mutating func happen(_ event: Event, at time: Double) {
        switch event {
        case .firstToken(let index, let id):
            guard let journey = journeys[index],
                let attempt = journey.attempts.first(where: { $0.seen.id == id })
            else { return }
            policy.receivedFirstToken(attempt.seen, of: journey.view, at: time)
        case .resume(let index, let makesPlan):
            guard var journey = journeys.removeValue(forKey: index) else { return }
            if makesPlan { journey.machine.plan = policy.plan(for: journey.view, at: time, in: world) }
            let step = journey.machine.resume(at: Instant(simulated: time))
            follow(step, &journey, at: time)
        case .hedge(let index, let id):
            guard var journey = journeys.removeValue(forKey: index) else { return }
            hedge(&journey, beside: id, at: time)
            journeys[index] = journey
        case .end(let index, let id, let kind):
            guard var journey = journeys.removeValue(forKey: index) else { return }
            guard let place = journey.attempts.firstIndex(where: { $0.seen.id == id }) else {
                journeys[index] = journey
                return
            }
            end(journey.attempts.remove(at: place), kind, &journey, at: time)
        }
    }

    private mutating func hedge(_ journey: inout Journey, beside id: Int, at time: Double) {
        guard journey.attempts.count == 1, let first = journey.attempts.first, first.seen.id == id,
            time - first.seen.began < first.fate.outcome.firstToken,
            let plan = policy.hedge(journey.view, beside: first.seen, at: time, in: world)
        else { return }
        journey.machine.plan = plan
        guard let ask = journey.machine.hedge(at: Instant(simulated: time)) else { return }
        let admission = policy.admit(journey.view, at: ask.candidate, isForced: false, time: time)
        guard case .refused(let wait) = admission else { return dispatch(ask, &journey, at: time) }
        _ = journey.machine.next(
            after: .refused(.breaker(retryAfter: .seconds(wait))), of: ask.candidate,
            at: Instant(simulated: time))
    }

    // MARK: Attempts

    /// Does what the machine says, until something takes time.
    private mutating func follow(_ first: Execution.Step, _ journey: inout Journey, at time: Double) {
        var step = first
        while true {
            switch step {
            case .attempt(let ask):
                let admission = policy.admit(
                    journey.view, at: ask.candidate, isForced: ask.isForced, time: time)
                guard case .refused(let wait) = admission else {
                    dispatch(ask, &journey, at: time)
                    journeys[journey.view.request.index] = journey
                    return
                }
                step = journey.machine.next(
                    after: .refused(.breaker(retryAfter: .seconds(wait))), of: ask.candidate,
                    at: Instant(simulated: time))
            case .join:
                journeys[journey.view.request.index] = journey
                return
            case .wait(let wait, _):
                return rest(wait, makesPlan: false, &journey, at: time)
            case .standBy(let wait):
                return rest(wait, makesPlan: true, &journey, at: time)
            case .fail, .interrupt, .finish:
                conclude(&journey, at: time)
                return
            }
        }
    }

    private mutating func rest(_ wait: Duration, makesPlan: Bool, _ journey: inout Journey, at time: Double) {
        let index = journey.view.request.index
        queue.push(.resume(request: index, makesPlan: makesPlan), at: time + wait.inSeconds)
        journeys[index] = journey
    }

    private mutating func dispatch(_ ask: Execution.Ask, _ journey: inout Journey, at time: Double) {
        let index = journey.view.request.index, provider = ask.candidate
        let fate = world.attempt(of: index, at: provider, time: time)
        world.begin(at: provider)
        given += 1
        let seen = SimulatedAttempt(id: given, provider: provider, began: time)
        journey.machine.asked(provider)
        journey.view.attempts += 1
        journey.outcome.attempts += 1
        if ask.purpose == .hedge { journey.outcome.hedges += 1 }
        journey.attempts.append(Attempt(seen: seen, fate: fate))
        policy.began(seen, of: journey.view, at: time)
        if case .answer(let firstToken, _, _) = fate.outcome {
            queue.push(.firstToken(request: index, attempt: given), at: time + firstToken)
        }
        let (kind, duration) = ending(fate.outcome, ask.limits, left: journey.view.deadline - time)
        queue.push(.end(request: index, attempt: given, kind), at: time + duration)
        if let hedgeAfter = ask.hedgeAfter {
            queue.push(.hedge(request: index, attempt: given), at: time + hedgeAfter.inSeconds)
        }
    }

    /// How an attempt ends under its limits, and after how many seconds.
    private func ending(_ outcome: World.Outcome, _ limits: PhaseLimits, left: Double)
        -> (SimulatedResult.Kind, Double)
    {
        var kind: SimulatedResult.Kind, duration = outcome.total
        switch outcome {
        case .rejected(let wait): kind = .rejected(retryAfter: wait)
        case .serverError: kind = .serverError
        case .hang: kind = .timedOut
        case .badRequest: kind = .badRequest
        case .answer(_, _, let isValid): kind = isValid ? .valid : .invalid
        }
        let firstToken = limits.firstToken.inSeconds,
            total = min(limits.total.inSeconds, policy.attemptLimit)
        if outcome.firstToken > firstToken, firstToken < total {
            (kind, duration) = (.timedOut, firstToken)
        } else if duration > total {
            (kind, duration) = (.timedOut, total)
        }
        return duration > left ? (.outOfTime, left) : (kind, duration)
    }

    private mutating func end(
        _ attempt: Attempt, _ kind: SimulatedResult.Kind, _ journey: inout Journey, at time: Double
    ) {
        let provider = attempt.seen.provider, request = journey.view.request
        world.end(at: provider)
        let elapsed = time - attempt.seen.began
        let result = SimulatedResult(
            kind: kind, elapsed: elapsed, firstToken: attempt.fate.outcome.firstToken,
            remaining: attempt.fate.remainingShare)
        switch kind {
        case .valid, .invalid: journey.outcome.cost += world.cost(of: request, at: provider)
        case .timedOut, .outOfTime:
            journey.outcome.cost += world.cost(
                of: request, at: provider, givenUpAfter: elapsed, of: attempt.fate.outcome)
        case .badRequest, .rejected, .serverError: break
        }
        if case .rejected = kind { journey.outcome.rejections += 1 }
        if kind == .invalid { journey.outcome.hadInvalidAnswer = true }
        if kind != .valid, kind != .badRequest {
            journey.view.failures += 1
            if kind != .outOfTime { journey.view.failuresAt[provider] += 1 }
        }
        policy.ended(attempt.seen, of: journey.view, result, at: time)
        let now = Instant(simulated: time)
        switch kind {
        case .valid:
            journey.outcome.succeeded = true
            journey.outcome.provider = provider
            journey.outcome.winnerBegan = attempt.seen.began - request.arrival
            _ = journey.machine.next(after: .answered, of: provider, at: now)
            conclude(&journey, at: time)
        case .badRequest, .outOfTime:
            _ = journey.machine.next(after: .failed(.simulated(kind)), of: provider, at: now)
            conclude(&journey, at: time)
        case .invalid, .rejected, .serverError, .timedOut:
            if journey.attempts.isEmpty {
                journey.machine.plan = policy.plan(for: journey.view, at: time, in: world)
            }
            let step = journey.machine.next(after: .failed(.simulated(kind)), of: provider, at: now)
            follow(step, &journey, at: time)
        }
    }

    /// The request is over: what still runs is given up.
    private mutating func conclude(_ journey: inout Journey, at time: Double) {
        let request = journey.view.request
        for attempt in journey.attempts {
            let elapsed = time - attempt.seen.began
            world.end(at: attempt.seen.provider)
            journey.outcome.cost += world.cost(
                of: request, at: attempt.seen.provider, givenUpAfter: elapsed, of: attempt.fate.outcome)
            policy.cancelled(
                attempt.seen, of: journey.view, hadFirstToken: elapsed >= attempt.fate.outcome.firstToken,
                at: time)
        }
        journey.attempts = []
        let latency = time - request.arrival
        journey.outcome.latency = journey.outcome.succeeded ? latency : min(latency, deadline)
        journey.outcome.failures = journey.view.failures
        ended.append(journey.outcome)
    }
}

extension AttemptFailure {
    /// What the gateway would see of an attempt that ended like this.
    static func simulated(_ kind: SimulatedResult.Kind) -> AttemptFailure {
        switch kind {
        case .rejected(let wait):
            var failure = rejected
            failure.retryAfter = .seconds(wait)
            return failure
        case .serverError, .valid: return serverError
        case .timedOut, .outOfTime: return timedOut
        case .invalid: return invalid
        case .badRequest: return badRequest
        }
    }

    private static let rejected = AttemptFailure(
        .rateLimit, cause: "rate_limit", phase: .head, status: 429, message: "the limit is reached")
    private static let serverError = AttemptFailure(
        .apiFailure, cause: "server_error", phase: .head, status: 500, message: "the provider failed")
    private static let timedOut = AttemptFailure(
        .timeout, cause: "timed_out", phase: .firstToken, message: "nothing came")
    private static let invalid = AttemptFailure(
        .qualityFailure, cause: "invalid", phase: .body, status: 200, message: "the answer is of no use")
    private static let badRequest = AttemptFailure(
        .invalidRequest, cause: "bad_request", phase: .head, status: 400, message: "the request is wrong")
}
