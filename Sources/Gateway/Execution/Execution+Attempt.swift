import CoreMetrics
import Generation
import Resilience

extension Execution {
    /// One candidate asked once.
    struct Attempt {
        let execution: Execution
        let candidate: Candidate
        let task: Ask
        let target: Target
        let health: TargetHealth

        init(_ execution: Execution, _ candidate: Candidate, _ task: Ask) {
            self.execution = execution
            self.candidate = candidate
            self.task = task
            target = execution.targets[candidate.target]
            health = target.health[candidate.credential]
        }

        private var time: TimeSource { execution.time }
        private var meters: GatewayMetrics.PerTarget { target.meters }
        private var key: String { health.credential }
        private var limits: PhaseLimits { task.limits }
        private var purpose: Purpose { task.purpose }

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
            execution.chooser?.selector.began(isRetry: machine.attempts > 0)
            machine.asked(task.candidate)
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
            if task.isForced, health.breaker.readiness != .ready { health.breaker.halfOpen() }
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
            let lesson = Lesson(
                health, execution.shape, execution.chooser, candidate: task.candidate,
                isProbe: permit.isProbe,
                at: begin)
            defer { lesson.close(at: time.now) }
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
                return try failed(error, permit, lesson, &account, begin)
            }
            switch reply {
            case .whole(let whole):
                permit.settle(.success)
                let now = time.now, tokens = whole.facts.usage?.completionTokens
                lesson.answered(tokens: tokens, at: now)
                lesson.probeSucceeded(at: now)
                health.learnPace {
                    $0.note(now.since(begin), tokens: tokens)
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
                return try await deliver(
                    stream, permit, lesson, slowest, &account, &progress, begin, into: sink)
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
            _ failure: AttemptFailure, _ permit: consuming CircuitBreaker.Permit, _ lesson: Lesson,
            _ account: inout Account, _ begin: Instant, firstToken: Duration? = nil
        ) throws(CallerLeft) -> Outcome {
            let now = time.now
            meters.attempted(failure)
            account.note(
                .attempt(purpose, failure, firstToken: firstToken), target: target.name, key: key,
                begin: begin, end: now)
            if failure.isCancellation { throw CallerLeft() }
            let conduct = execution.settings.failures.conduct(for: failure)
            permit.settle(conduct.countsAgainstBreaker ? .failure(retryAfter: failure.retryAfter) : .ignored)
            lesson.failed(failure, conduct, at: now)
            if conduct.scope == .key, let duration = conduct.cooldown(asked: failure.retryAfter) {
                health.cool(for: duration, because: failure.kind, at: now)
            }
            return .failed(failure)
        }

        // MARK: Streams

        /// Passes a stream on. Nothing reaches the caller before the first meaningful part, so that until then another
        /// target can take over unseen; with `buffer` nothing does before the end.
        private func deliver(
            _ stream: any ReplyStream, _ permit: consuming CircuitBreaker.Permit, _ lesson: Lesson,
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
                    lesson.noteFirstToken(at: now)
                    // A probe has shown that the target answers; others need not wait for the end of its stream.
                    if permit?.isProbe == true {
                        permit.take()?.settle(.success, took: firstToken)
                        lesson.probeSucceeded(at: now)
                    }
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
                    failure, permit.take(), lesson, &account, begin, firstToken,
                    after: hasPart ? progress : nil)
            }
            ended(stream, &account)
            permit.take()?.settle(.success, took: firstToken)
            let now = time.now
            lesson.answered(tokens: stream.facts.usage?.completionTokens, at: now)
            speed.note(0, at: now)
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
            _ failure: AttemptFailure, _ permit: consuming CircuitBreaker.Permit?, _ lesson: Lesson,
            _ account: inout Account, _ begin: Instant, _ firstToken: Duration?, after progress: Progress?
        ) throws(CallerLeft) -> Outcome {
            let outcome: Outcome
            if let permit = permit.take() {
                outcome = try failed(failure, permit, lesson, &account, begin, firstToken: firstToken)
            } else {
                meters.attempted(failure)
                account.note(
                    .attempt(purpose, failure, firstToken: firstToken), target: target.name, key: key,
                    begin: begin,
                    end: time.now)
                if failure.isCancellation { throw CallerLeft() }
                lesson.failed(failure, execution.settings.failures.conduct(for: failure), at: time.now)
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
