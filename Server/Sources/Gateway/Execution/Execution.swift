import CoreMetrics
import Generation
import Resilience
import Routing
import Synchronization

/// One request's way through its targets: does what ``StateMachine`` decides.
public final class Execution: Sendable {
    let request: GenerationRequest
    let route: Route
    /// Makes new plans after failures, if the route's strategy learns.
    let chooser: Chooser?
    let shape: RequestShape
    let traits: RequestTraits
    let time: TimeSource
    let spawner: Spawner
    /// Cancelled with the request's own task.
    let cancellation: CancellationToken?
    let candidates: [Candidate]
    let machine: Mutex<StateMachine>
    /// The first answer that was not good enough, if it is better than none.
    let rejected = Mutex<RejectedAnswer?>(nil)

    init(
        _ request: GenerationRequest, _ route: Route, _ selection: Route.Selection, deadline: Instant,
        traits: RequestTraits, time: TimeSource, spawner: Spawner, cancellation: CancellationToken? = nil
    ) {
        self.traits = traits
        self.request = request
        self.route = route
        chooser = selection.chooser
        shape = selection.chooser?.shape ?? RequestShape(request)
        candidates = selection.candidates
        machine = Mutex(
            StateMachine(
                selection.candidates, plan: selection.plan, bounds: Bounds(route, deadline: deadline),
                table: route.settings.attempts.failures, chance: selection.chance))
        self.time = time
        self.spawner = spawner
        self.cancellation = cancellation
    }

    /// Asks targets until the caller has an answer or nobody is left to be asked. Nobody is told of a failure here.
    func run(_ delivery: Delivery) async -> Outcome {
        var step = machine.withLock { $0.start(at: time.now) }
        do throws(CallerLeft) {
            while true {
                switch step {
                case .attempt(let ask): step = try await attempt(ask, delivery)
                case .standBy(let wait): step = try await standBy(wait, delivery)
                case .wait(let wait, let index):
                    step = try await pause(wait, before: candidates[index], delivery)
                case .fail(let bare):
                    let failure = chooser?.explained(bare, at: time.now) ?? bare
                    return .failed(failure, rejected.withLock { $0.take() })
                case .interrupt(let failure): return .interrupted(failure)
                case .finish: return .answered
                case .join:
                    // All attempts that ran beside each other have been told of: nobody is left to wait for.
                    return Task.isCancelled ? .callerLeft : .failed(.outOfTime, nil)
                }
            }
        } catch {
            return .callerLeft
        }
    }

    /// Asks a candidate, and another one beside it if it is slow to begin its answer.
    private func attempt(_ ask: Ask, _ delivery: Delivery) async throws(CallerLeft) -> Step {
        let delivered = delivery.delivered, isAlone = !hasAlternative(to: ask)
        let first = Attempt(self, candidates[ask.candidate], ask, isAlone: isAlone)
        if chooser == nil, delivered == nil, !isAlone, first.health.breaker.readiness == .probing {
            return try await probe(first, delivery)
        }
        guard let hedge = chooser?.hedge, let delay = ask.hedgeAfter, delivered == nil,
            first.showsFirstToken
        else {
            // In the request's own task.
            let opening = await first.open(delivered, endedBy: cancellation)
            return try await follow(opening, delivery)
        }
        let race = Race()
        let (winner, other) = await hedge.runInPlace(
            delay: delay, spawner: spawner, accepting: { $0.isAnswer }, breakOff: { race.call.cancel() },
            second: { await self.openHedge(beside: ask, in: race) }
        ) { await first.open(nil, in: race) }
        guard let other else { return try await follow(winner, delivery) }
        if winner.isAnswer {
            _ = try lose(other, delivery)
            return try await follow(winner, delivery)
        }
        // Both have failed: the first one's failure is told first, the other's decides what comes next.
        let step = try await follow(winner, delivery)
        return try lose(other, delivery) ?? step
    }

    /// Whether another target could be asked in place of the one that is about to be.
    func hasAlternative(to ask: Ask) -> Bool {
        guard candidates.count > 1 else { return false }
        let now = time.now
        return machine.withLock { machine in
            machine.hasAlternative(to: ask.candidate) { health(of: $0).isHealthy(at: now) }
        }
    }

    func health(of index: Int) -> TargetHealth {
        let candidate = candidates[index]
        return targets[candidate.target].health[candidate.credential]
    }

    /// Asks another candidate beside the one that is asked already; nil if nobody else is to be.
    private func openHedge(beside first: Ask, in race: Race) async -> Opening? {
        guard race.isOpen, let chooser else { return nil }
        let now = time.now
        let ask = machine.withLock { machine -> Ask? in
            guard let plan = chooser.hedge(beside: first.candidate, at: now, timesAsked: machine.timesAsked)
            else { return nil }
            machine.plan = plan
            return machine.hedge(at: now)
        }
        guard let ask else { return nil }
        return await Attempt(self, candidates[ask.candidate], ask, isAlone: !hasAlternative(to: ask)).open(
            nil)
    }

    /// Tells of an attempt that ran beside the one that counts.
    ///
    /// - Returns: What comes after it; nil if it was only slower.
    func lose(_ opening: Opening, _ delivery: Delivery) throws(CallerLeft) -> Step? {
        defer { opening.close(at: time.now) }
        switch opening.result {
        case .failed(let failure, _) where failure.isCancellation: outrun(opening, delivery)
        case .failed, .refused:
            return decide(after: try opening.attempt.settle(opening, delivery), of: opening)
        case .whole, .stream: outrun(opening, delivery)
        case .callerLeft:
            outrun(opening, delivery)
            if Task.isCancelled { throw CallerLeft() }
        }
        return nil
    }

    func outrun(_ opening: Opening, _ delivery: Delivery) {
        opening.attempt.outrun(opening, delivery)
        machine.withLock { $0.outrun(opening.attempt.task.candidate) }
    }

    /// Brings an attempt to its end and decides what comes after it.
    func follow(_ opening: Opening, _ delivery: Delivery) async throws(CallerLeft) -> Step {
        defer { opening.close(at: time.now) }
        let outcome = try await opening.attempt.complete(opening, delivery)
        return decide(after: outcome, of: opening)
    }

    private func decide(after outcome: AttemptOutcome, of opening: Opening) -> Step {
        let now = time.now
        return machine.withLock { machine in
            let index = opening.attempt.task.candidate
            // While another attempt runs nobody else is asked.
            if outcome.needsPlan, machine.isAlone(index) { replan(&machine, at: now) }
            return machine.next(after: outcome, of: index, at: now)
        }
    }

    /// Waits before a candidate is asked again. The budget is asked before the wait, so that retries which are still to
    /// come count against it.
    private func pause(
        _ wait: Duration, before candidate: Candidate, _ delivery: Delivery
    ) async throws(CallerLeft) -> Step {
        let target = targets[candidate.target], begin = time.now, meters = target.meters
        let health = target.health[candidate.credential]
        if machine.withLock({ $0.pendingIsRetry }) {
            guard health.budget.withdraw() else {
                meters.budgetSpent.increment()
                delivery.account.note(.budgetSpent, at: health, begin: begin, end: begin)
                return machine.withLock { $0.budgetSpent(at: begin) }
            }
            meters.scheduledRetries.increment()
        }
        do {
            // Another request's probe may succeed before.
            try await health.recovery.wait(atMost: wait, time: time)
        } catch { throw CallerLeft() }
        let end = time.now
        delivery.account.note(.wait, at: health, begin: begin, end: end)
        return machine.withLock { $0.resume(at: end) }
    }

    /// Waits until somebody may be asked again, and chooses anew.
    private func standBy(_ wait: Duration, _ delivery: Delivery) async throws(CallerLeft) -> Step {
        let begin = time.now
        do { try await time.sleep(for: wait) } catch { throw CallerLeft() }
        let end = time.now
        delivery.account.note(.wait, at: nil, begin: begin, end: end)
        return machine.withLock { machine in
            replan(&machine, at: end)
            return machine.resume(at: end)
        }
    }

    /// Gives `machine` a new plan, after an attempt has failed or the request has stood by.
    private func replan(_ machine: inout StateMachine, at now: Instant) {
        guard let chooser else { return }
        machine.plan = chooser.plan(
            after: machine.attempts, at: now, timesAsked: machine.timesAsked)
    }

    var targets: [Target] { route.settings.targets }
    var brokenStreams: BrokenStreams { route.settings.attempts.brokenStreams }

    /// Whether a stream is to keep its text, since another target could go on with it.
    var keepsText: Bool {
        request.streams && targets.count > 1 && (brokenStreams == .splice || brokenStreams == .goOn)
    }
}

extension Execution.AttemptOutcome {
    /// Whether somebody else may have to be asked after it.
    fileprivate var needsPlan: Bool {
        switch self {
        case .answered, .callerLeft: false
        case .refused, .failed, .interrupted: true
        }
    }
}
