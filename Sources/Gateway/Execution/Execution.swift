import CoreMetrics
import Generation
import NIOCore
import Resilience

/// One request's way through its targets: does what ``StateMachine`` decides.
public final class Execution: Sendable {
    private let request: GenerationRequest
    private let settings: Route.Settings
    private let time: TimeSource

    init(_ request: GenerationRequest, _ settings: Route.Settings, time: TimeSource) {
        self.request = request
        self.settings = settings
        self.time = time
    }

    /// Runs the request until the sink has its answer, its end or its refusal.
    ///
    /// - Returns: How it ended and, if it failed, why.
    func run(
        _ machine: consuming StateMachine, _ candidates: [Candidate], _ account: inout Account,
        into sink: some ReplySink
    ) async
        -> (Decision.Ending, GatewayFailure?)
    {
        var machine = machine, progress = Progress()
        var step = machine.start(at: time.now)
        do throws(CallerLeft) {
            while true {
                switch step {
                case .attempt(let index, let limits, let purpose):
                    let attempt = Attempt(self, candidates[index], limits, purpose)
                    let outcome = try await attempt.run(&machine, &account, &progress, into: sink)
                    step = machine.next(after: outcome, at: time.now)
                case .wait(let wait, let index):
                    step = try await pause(wait, before: candidates[index], &machine, &account)
                case .fail(let failure):
                    try await sink.refuse(failure, account.summary(at: time.now))
                    return (.failed, failure)
                case .interrupt(let failure):
                    try await sink.interrupt(failure)
                    return (.interrupted, .attemptsFailed(failure, retryAfter: nil))
                case .finish:
                    return (.answered, nil)
                }
            }
        } catch {
            return (.callerLeft, nil)
        }
    }

    /// Waits before a candidate is asked again. The budget is asked before the wait, so that retries which are still to
    /// come count against it.
    private func pause(
        _ wait: Duration, before candidate: Candidate, _ machine: inout StateMachine, _ account: inout Account
    )
        async throws(CallerLeft) -> Step
    {
        let target = targets[candidate.target], begin = time.now, meters = target.meters
        let key = target.health[candidate.credential].credential
        if machine.pendingIsRetry {
            guard target.health[candidate.credential].budget.withdraw() else {
                meters.budgetSpent.increment()
                account.note(.budgetSpent, target: target.name, key: key, begin: begin, end: begin)
                return machine.budgetSpent(at: begin)
            }
            meters.scheduledRetries.increment()
        }
        do { try await time.sleep(for: wait) } catch { throw CallerLeft() }
        let end = time.now
        account.note(.wait, target: target.name, key: key, begin: begin, end: end)
        return machine.resume(at: end)
    }

    private var targets: [Target] { settings.targets }
    private var brokenStreams: BrokenStreams { settings.brokenStreams }

    /// What the caller has so far of a streamed answer.
    private struct Progress {
        /// Whether the stream to the caller was begun.
        var hasBegun = false
        /// The text that must be gone on with; nil before an answer broke off.
        var delivered: DeliveredText?
    }

    /// Whether a stream is to keep its text, since another target could go on with it.
    private var keepsText: Bool {
        request.streams && targets.count > 1 && (brokenStreams == .splice || brokenStreams == .goOn)
    }

    /// One candidate asked once.
    private struct Attempt {
        let execution: Execution
        let candidate: Candidate
        let limits: PhaseLimits
        let purpose: Purpose
        let target: Target
        let health: TargetHealth

        init(_ execution: Execution, _ candidate: Candidate, _ limits: PhaseLimits, _ purpose: Purpose) {
            self.execution = execution
            self.candidate = candidate
            self.limits = limits
            self.purpose = purpose
            target = execution.targets[candidate.target]
            health = target.health[candidate.credential]
        }

        private var time: TimeSource { execution.time }
        private var meters: GatewayMetrics.PerTarget { target.meters }
        private var key: String { health.credential }

        /// Why an attempt was not made or not brought to its end.
        private enum Exit: Error {
            case refused(TargetHealth.Refusal)
            case callerLeft
        }

        func run(
            _ machine: inout StateMachine, _ account: inout Account, _ progress: inout Progress,
            into sink: some ReplySink
        ) async throws(CallerLeft) -> Outcome {
            let begin = time.now
            do throws(Exit) {
                return try await admitAndAsk(&machine, &account, &progress, begin, into: sink)
            } catch {
                guard case .refused(let refusal) = error else { throw CallerLeft() }
                account.note(.refusal(refusal), target: target.name, key: key, begin: begin, end: time.now)
                return .refused(refusal)
            }
        }

        private func admitAndAsk(
            _ machine: inout StateMachine, _ account: inout Account, _ progress: inout Progress,
            _ begin: Instant, into sink: some ReplySink
        ) async throws(Exit) -> Outcome {
            if let (left, kind) = health.cooling(at: begin) {
                throw .refused(.cooling(kind, retryAfter: left))
            }
            let permit = try admit()
            let place = try await enter(until: begin.advanced(by: limits.total))
            // The wait for a place is the request's time, not the provider's.
            let asked = health.bulkhead == nil ? begin : time.now
            var limits = limits
            limits.total -= asked.since(begin)
            machine.asked()
            if purpose == .retry { meters.retries.increment() } else { health.budget.deposit() }
            account.asking(provider: target.provider.name, model: target.model)
            defer { _ = place }
            do throws(CallerLeft) {
                return try await ask(permit, &account, &progress, asked, limits, into: sink)
            } catch {
                throw .callerLeft
            }
        }

        private func admit() throws(Exit) -> CircuitBreaker.Permit {
            do throws(Rejection) { return try health.breaker.admit() } catch {
                throw .refused(.breaker(retryAfter: error.retryAfter))
            }
        }

        private func enter(until deadline: Instant) async throws(Exit) -> Bulkhead.Permit? {
            guard let bulkhead = health.bulkhead else { return nil }
            do { return try await bulkhead.enter(deadline: deadline) } catch {
                throw error is Rejection ? .refused(.full) : .callerLeft
            }
        }

        private func ask(
            _ permit: consuming CircuitBreaker.Permit, _ account: inout Account,
            _ progress: inout Progress, _ begin: Instant, _ limits: PhaseLimits, into sink: some ReplySink
        ) async throws(CallerLeft) -> Outcome {
            let budget = health.budget, resends = meters.resends
            let pace = health.pace
            var manner = Manner(execution.request, execution.settings, limits, pace)
            var call = ProviderCall(
                request: execution.request, model: target.model, credential: candidate.credential,
                limits: manner.limits, keepsText: execution.keepsText, asStream: manner.asStream,
                goingOn: goingOn(progress)
            ) {
                guard budget.withdraw() else { return false }
                resends.increment()
                return true
            }
            let slowest =
                manner.asStream || execution.brokenStreams == .buffer
                ? StreamSpeed.Limit(
                    pace, minimumSpeed: execution.settings.minimumSpeed, grace: limits.firstToken) : nil
            let watch = manner.asStream ? StreamWatch(slowest, time: time) : nil
            if let watch { call.onEvents = { (events) throws(AttemptFailure) in try watch.note(events) } }
            let reply: Reply
            do throws(AttemptFailure) { reply = try await answer(to: &call, &manner) } catch {
                return try failed(error, permit, &account, begin)
            }
            switch reply {
            case .whole(let whole):
                permit.settle(.success)
                health.learnPace {
                    $0.note(time.now.since(begin), tokens: whole.facts.usage?.completionTokens)
                    if let watch { $0.note(watch.speed) }
                    // Callers count on the usage of a whole answer.
                    if call.asStream, whole.facts.usage == nil { $0.noteUnfitStreams() }
                }
                account.note(facts: whole.facts)
                let summary = account.summary(at: time.now, attemptSince: begin)
                succeeded(&account, begin, firstToken: nil)
                try await sink.deliver(whole, summary)
                return .answered
            case .stream(let stream):
                defer { stream.cancel() }
                return try await deliver(stream, permit, slowest, &account, &progress, begin, into: sink)
            }
        }

        /// Asks the provider, and without a stream if it says that it does not stream.
        private func answer(to call: inout ProviderCall, _ manner: inout Manner) async throws(AttemptFailure)
            -> Reply
        {
            do throws(AttemptFailure) { return try await target.provider.attempt(call) } catch {
                if manner.expectsQuickAnswer, error.kind == .timeout, error.phase == .head {
                    health.learnPace { $0.note(manner.limits.head * 2, tokens: nil) }
                    var failure = error
                    failure.cause = "no_whole_answer"
                    throw failure
                }
                guard error.cause == "stream_refused" else { throw error }
            }
            health.learnPace { $0.noteUnfitStreams() }
            manner.giveUpStreaming(execution.settings)
            (call.asStream, call.limits) = (false, manner.limits)
            return try await target.provider.attempt(call)
        }

        /// How the target is to go on with an answer that broke off; nil if it is to give a new one.
        private func goingOn(_ progress: Progress) -> GoingOn? {
            guard let delivered = progress.delivered else { return nil }
            if execution.brokenStreams == .goOn, let prefill = target.prefill,
                execution.request.marks.messagesEnd != nil
            {
                return .prefilled(delivered, prefill)
            }
            return .fromScratch(delivered)
        }

        private func succeeded(_ account: inout Account, _ begin: Instant, firstToken: Duration?) {
            meters.attempted(nil)
            account.note(
                .attempt(purpose, nil, firstToken: firstToken), target: target.name, key: key, begin: begin,
                end: time.now)
        }

        private func failed(
            _ failure: AttemptFailure, _ permit: consuming CircuitBreaker.Permit, _ account: inout Account,
            _ begin: Instant, firstToken: Duration? = nil
        ) throws(CallerLeft) -> Outcome {
            let now = time.now
            meters.attempted(failure)
            account.note(
                .attempt(purpose, failure, firstToken: firstToken), target: target.name, key: key,
                begin: begin, end: now)
            if failure.isCancellation { throw CallerLeft() }
            let conduct = execution.settings.failures.conduct(for: failure)
            permit.settle(conduct.countsAgainstBreaker ? .failure(retryAfter: failure.retryAfter) : .ignored)
            if conduct.scope == .key, let duration = conduct.cooldown(asked: failure.retryAfter) {
                health.cool(for: duration, because: failure.kind, at: now)
            }
            return .failed(failure)
        }

        // MARK: Streams

        /// Passes a stream on. Nothing reaches the caller before the first meaningful part, so that until then another
        /// target can take over unseen; with `buffer` nothing does before the end.
        private func deliver(
            _ stream: any ReplyStream, _ permit: consuming CircuitBreaker.Permit,
            _ slowest: StreamSpeed.Limit?,
            _ account: inout Account, _ progress: inout Progress, _ begin: Instant, into sink: some ReplySink
        ) async throws(CallerLeft) -> Outcome {
            var permit: CircuitBreaker.Permit? = permit
            var held = HeldPieces(isWhole: execution.brokenStreams == .buffer), firstToken: Duration?
            var speed = StreamSpeed(slowest)
            do throws(StreamEnd) {
                while let piece = try await Self.next(stream) {
                    if firstToken != nil, !held.isWhole {
                        speed.count(piece.events)
                        try await Self.pass { () throws(CallerLeft) in try await sink.deliver(piece) }
                        continue
                    }
                    try held.add(piece)
                    guard piece.isProgress else { continue }
                    let now = time.now
                    speed.note(piece.events, at: now)
                    if speed.isTooSlow { throw .failed(StreamSpeed.failure) }
                    guard firstToken == nil else { continue }
                    firstToken = now.since(begin)
                    account.note(facts: stream.facts)
                    meters.firstToken.record(now.since(begin))
                    // A probe has shown that the target answers; others need not wait for the end of its stream.
                    if permit?.isProbe == true { permit.take()?.settle(.success, took: firstToken) }
                    if held.isWhole { continue }
                    try await open(held, &progress, account.summary(at: now, attemptSince: begin), sink)
                }
                // An answer that was gone on with may have had nothing but its end to come.
                if held.isWhole || firstToken == nil {
                    try await open(held, &progress, account.summary(at: time.now, attemptSince: begin), sink)
                }
            } catch {
                ended(stream, &account)
                guard case .failed(let failure) = error else { throw CallerLeft() }
                let hasPart = firstToken != nil && !held.isWhole
                if hasPart { progress.delivered = stream.delivered }
                return try interrupted(
                    failure, permit.take(), &account, begin, firstToken, after: hasPart ? progress : nil)
            }
            ended(stream, &account)
            permit.take()?.settle(.success, took: firstToken)
            speed.note(0, at: time.now)
            health.learnPace { $0.note(speed) }
            succeeded(&account, begin, firstToken: firstToken)
            try await sink.finish()
            return .answered
        }

        private func ended(_ stream: any ReplyStream, _ account: inout Account) {
            let facts = stream.facts
            account.note(facts: facts)
            if facts.skippedEvents > 0 { meters.skippedEvents.increment(by: Int64(facts.skippedEvents)) }
        }

        /// Gives the caller what was held back, as the beginning of its stream unless that was begun before.
        private func open(
            _ held: HeldPieces, _ progress: inout Progress, _ summary: DecisionSummary,
            _ sink: some ReplySink
        ) async throws(StreamEnd) {
            let isFirst = !progress.hasBegun, opening = held.joined
            progress.hasBegun = true
            try await Self.pass { () throws(CallerLeft) in
                if isFirst { try await sink.begin(summary) }
                try await sink.deliver(opening)
            }
        }

        private func interrupted(
            _ failure: AttemptFailure, _ permit: consuming CircuitBreaker.Permit?, _ account: inout Account,
            _ begin: Instant, _ firstToken: Duration?, after progress: Progress?
        ) throws(CallerLeft) -> Outcome {
            let outcome: Outcome
            if let permit = permit.take() {
                outcome = try failed(failure, permit, &account, begin, firstToken: firstToken)
            } else {
                meters.attempted(failure)
                account.note(
                    .attempt(purpose, failure, firstToken: firstToken), target: target.name, key: key,
                    begin: begin,
                    end: time.now)
                if failure.isCancellation { throw CallerLeft() }
                outcome = .failed(failure)
            }
            guard let progress else { return outcome }
            return .interrupted(failure, canGoOn: progress.delivered?.canGoOn ?? false)
        }

        private static func next(_ stream: any ReplyStream) async throws(StreamEnd) -> ReplyPiece? {
            do throws(AttemptFailure) { return try await stream.next() } catch { throw .failed(error) }
        }

        private static func pass(_ delivery: () async throws(CallerLeft) -> Void) async throws(StreamEnd) {
            do throws(CallerLeft) { try await delivery() } catch { throw .callerLeft }
        }
    }
}

extension AttemptFailure {
    /// Whether the attempt ended because nobody waited for it any more.
    var isCancellation: Bool { cause == "cancelled" }
}
