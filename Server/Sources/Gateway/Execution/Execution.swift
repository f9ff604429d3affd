import CoreMetrics
import Generation
import Resilience
import Routing
import Synchronization

/// One request's way through its targets: does what ``StateMachine`` decides.
public final class Execution: Sendable {
    let request: GenerationRequest
    let settings: Route.Settings
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
        _ request: GenerationRequest, _ settings: Route.Settings, _ selection: Route.Selection,
        bounds: Bounds, traits: RequestTraits, time: TimeSource, spawner: Spawner,
        cancellation: CancellationToken? = nil
    ) {
        self.traits = traits
        self.request = request
        self.settings = settings
        chooser = selection.chooser
        shape = selection.chooser?.shape ?? RequestShape(request)
        candidates = selection.candidates
        machine = Mutex(
            StateMachine(
                selection.candidates, plan: selection.plan, bounds: bounds, table: settings.failures,
                chance: selection.chance))
        self.time = time
        self.spawner = spawner
        self.cancellation = cancellation
    }

    /// Runs the request until the sink has its answer, its end or its refusal.
    ///
    /// - Returns: How it ended and, if it failed, why.
    func run(_ account: inout Account, into sink: some ReplySink) async -> (Decision.Ending, GatewayFailure?)
    {
        var progress = Progress()
        var step = machine.withLock { $0.start(at: time.now) }
        do throws(CallerLeft) {
            while true {
                switch step {
                case .attempt(let ask): step = try await attempt(ask, &account, &progress, into: sink)
                case .standBy(let wait): step = try await standBy(wait, &account)
                case .wait(let wait, let index):
                    step = try await pause(wait, before: candidates[index], &account)
                case .fail(let bare):
                    if let answer = rejected.withLock({ $0.take() }) {
                        try await deliver(answer, &account, into: sink)
                        return (.answered, nil)
                    }
                    let failure = chooser?.explained(bare, at: time.now) ?? bare
                    try await sink.refuse(failure, account.summary(at: time.now))
                    return (.failed, failure)
                case .interrupt(let failure):
                    try await sink.interrupt(failure)
                    return (.interrupted, .attemptsFailed(failure, retryAfter: nil))
                case .finish: return (.answered, nil)
                case .join:
                    // All attempts that ran beside each other have been told of: nobody is left to wait for.
                    return Task.isCancelled ? (.callerLeft, nil) : (.failed, .outOfTime)
                }
            }
        } catch {
            return (.callerLeft, nil)
        }
    }

    /// Asks a candidate, and another one beside it if it is slow to begin its answer.
    private func attempt(
        _ ask: Ask, _ account: inout Account, _ progress: inout Progress, into sink: some ReplySink
    ) async throws(CallerLeft) -> Step {
        let delivered = progress.delivered, isAlone = !hasAlternative(to: ask)
        let first = Attempt(self, candidates[ask.candidate], ask, isAlone: isAlone)
        if chooser == nil, delivered == nil, !isAlone, first.health.breaker.readiness == .probing {
            return try await probe(first, &account, &progress, into: sink)
        }
        guard let hedge = chooser?.hedge, let delay = ask.hedgeAfter, delivered == nil,
            first.showsFirstToken
        else {
            // In the request's own task.
            let opening = await first.open(delivered, endedBy: cancellation)
            return try await follow(opening, &account, &progress, into: sink)
        }
        let race = Race()
        let (winner, other) = await hedge.runInPlace(
            delay: delay, spawner: spawner, accepting: { $0.isAnswer }, breakOff: { race.call.cancel() },
            second: { await self.openHedge(beside: ask, in: race) }
        ) { await first.open(nil, in: race) }
        guard let other else { return try await follow(winner, &account, &progress, into: sink) }
        if winner.isAnswer {
            _ = try lose(other, &account)
            return try await follow(winner, &account, &progress, into: sink)
        }
        // Both have failed: the first one's failure is told first, the other's decides what comes next.
        let step = try await follow(winner, &account, &progress, into: sink)
        return try lose(other, &account) ?? step
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
        let ask = machine.withLock { chooser.hedge(&$0, beside: first.candidate, at: now) }
        guard let ask else { return nil }
        return await Attempt(self, candidates[ask.candidate], ask, isAlone: !hasAlternative(to: ask)).open(
            nil)
    }

    /// Tells of an attempt that ran beside the one that counts.
    ///
    /// - Returns: What comes after it; nil if it was only slower.
    func lose(_ opening: Opening, _ account: inout Account) throws(CallerLeft) -> Step? {
        defer { opening.close(at: time.now) }
        switch opening.result {
        case .failed(let failure, _) where failure.isCancellation: outrun(opening, &account)
        case .failed, .refused:
            return decide(after: try opening.attempt.settle(opening, &account), of: opening)
        case .whole, .stream: outrun(opening, &account)
        case .callerLeft:
            outrun(opening, &account)
            if Task.isCancelled { throw CallerLeft() }
        }
        return nil
    }

    func outrun(_ opening: Opening, _ account: inout Account) {
        opening.attempt.outrun(opening, &account)
        machine.withLock { $0.outrun(opening.attempt.task.candidate) }
    }

    /// Brings an attempt to its end and decides what comes after it.
    func follow(
        _ opening: Opening, _ account: inout Account, _ progress: inout Progress, into sink: some ReplySink
    ) async throws(CallerLeft) -> Step {
        defer { opening.close(at: time.now) }
        let outcome = try await opening.attempt.complete(opening, &account, &progress, into: sink)
        return decide(after: outcome, of: opening)
    }

    private func decide(after outcome: Outcome, of opening: Opening) -> Step {
        let now = time.now
        return machine.withLock { machine in
            let index = opening.attempt.task.candidate
            // While another attempt runs nobody else is asked.
            if outcome.needsPlan, machine.isAlone(index) { chooser?.replan(&machine, at: now) }
            return machine.next(after: outcome, of: index, at: now)
        }
    }

    /// Waits before a candidate is asked again. The budget is asked before the wait, so that retries which are still to
    /// come count against it.
    private func pause(
        _ wait: Duration, before candidate: Candidate, _ account: inout Account
    ) async throws(CallerLeft) -> Step {
        let target = targets[candidate.target], begin = time.now, meters = target.meters
        let key = target.health[candidate.credential].credential
        if machine.withLock({ $0.pendingIsRetry }) {
            guard target.health[candidate.credential].budget.withdraw() else {
                meters.budgetSpent.increment()
                account.note(.budgetSpent, target: target.name, key: key, begin: begin, end: begin)
                return machine.withLock { $0.budgetSpent(at: begin) }
            }
            meters.scheduledRetries.increment()
        }
        do {
            // Another request's probe may succeed before.
            let recovery = target.health[candidate.credential].recovery
            try await recovery.wait(atMost: wait, time: time)
        } catch { throw CallerLeft() }
        let end = time.now
        account.note(.wait, target: target.name, key: key, begin: begin, end: end)
        return machine.withLock { $0.resume(at: end) }
    }

    /// Waits until somebody may be asked again, and chooses anew.
    private func standBy(_ wait: Duration, _ account: inout Account) async throws(CallerLeft) -> Step {
        let begin = time.now
        do { try await time.sleep(for: wait) } catch { throw CallerLeft() }
        let end = time.now
        account.note(.wait, target: "any target", key: "", begin: begin, end: end)
        return machine.withLock { machine in
            chooser?.replan(&machine, at: end)
            return machine.resume(at: end)
        }
    }

    var targets: [Target] { settings.targets }
    var brokenStreams: BrokenStreams { settings.brokenStreams }

    /// What the caller has so far of a streamed answer.
    struct Progress {
        /// Whether the stream to the caller was begun.
        var hasBegun = false
        /// The text that must be gone on with; nil before an answer broke off.
        var delivered: DeliveredText?
    }

    /// Whether a stream is to keep its text, since another target could go on with it.
    var keepsText: Bool {
        request.streams && targets.count > 1 && (brokenStreams == .splice || brokenStreams == .goOn)
    }
}

extension Execution.Outcome {
    /// Whether somebody else may have to be asked after it.
    fileprivate var needsPlan: Bool {
        switch self {
        case .answered, .callerLeft: false
        case .refused, .failed, .interrupted: true
        }
    }
}
