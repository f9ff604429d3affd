import CoreMetrics
import Generation
import Resilience
import Synchronization

extension Execution {
    /// One candidate asked once.
    struct Attempt: Sendable {
        let execution: Execution
        let candidate: Candidate
        let task: Ask
        let target: Target
        let health: TargetHealth
        /// Whether nobody else could be asked in its place.
        let isAlone: Bool

        init(_ execution: Execution, _ candidate: Candidate, _ task: Ask, isAlone: Bool) {
            self.execution = execution
            self.candidate = candidate
            self.task = task
            self.isAlone = isAlone
            target = execution.targets[candidate.target]
            health = target.health[candidate.credential]
        }

        /// Whether something of the answer is seen before its end, so that it can be found slow to begin.
        var showsFirstToken: Bool {
            RequestMode.showsFirstToken(
                execution.request, execution.route.settings.attempts, task.limits, health.pace)
        }

        var time: TimeSource { execution.time }
        var meters: GatewayMetrics.PerTarget { target.meters }
        var purpose: AttemptPurpose { task.purpose }

        /// Why a target is not asked.
        private enum Exit: Error {
            case refused(TargetHealth.Refusal)
            case callerLeft
        }

        /// Asks the target and waits until its answer begins. Touches nothing of the caller, so that it may run beside
        /// another one.
        ///
        /// - Parameters:
        ///   - delivered: The text that must be gone on with; nil for a new answer.
        ///   - race: Told of the attempt, if another one may be made beside it.
        ///   - cancellation: Cancelled with the task that this runs in; nil if only that is.
        func open(
            _ delivered: DeliveredText?, in race: Race? = nil, endedBy cancellation: CancellationToken? = nil
        ) async -> Opening {
            let begin = time.now
            do throws(Exit) {
                if let (left, kind) = health.cooling(at: begin) {
                    throw .refused(.cooling(kind, retryAfter: left))
                }
                let permit = try admit()
                let place = try await enter(until: begin.advanced(by: task.limits.total))
                // The wait for a place is the request's time, not the provider's.
                let asked = health.bulkhead == nil ? begin : time.now
                var limits = task.limits
                if execution.route.settings.attempts.learnsFirstToken { allowForThinking(&limits) }
                limits.total -= asked.since(begin)
                noteAsked()
                let lesson = Lesson(
                    health, execution.shape, permit, selector: execution.chooser?.selector,
                    candidate: task.candidate, traits: execution.traits, isAlone: isAlone, at: asked)
                race?.began(lesson)
                var result = await ask(delivered, limits, lesson, race?.call ?? cancellation, asked)
                if let race { result.keep(in: race) }
                return Opening(self, result, begin: asked, lesson: lesson, place: place)
            } catch {
                switch error {
                case .refused(let refusal): return Opening(self, .refused(refusal), begin: begin)
                case .callerLeft: return Opening(self, .callerLeft, begin: begin)
                }
            }
        }

        /// More time for a first token, where the request wants thoughts before it or the target has shown that it needs it.
        private func allowForThinking(_ limits: inout PhaseLimits) {
            if execution.request.features.contains(.thought) {
                limits.allow(firstToken: ThinkingModels.firstToken)
            }
            if let usual = health.pace.usualFirstToken { limits.allow(firstToken: usual * 2) }
        }

        private func noteAsked() {
            execution.machine.withLock { machine in
                execution.chooser?.selector.began(isRetry: machine.attempts > 0 && purpose != .hedge)
                machine.asked(task.candidate)
            }
            if purpose == .retry { meters.retries.increment() } else { health.budget.deposit() }
        }

        private func admit() throws(Exit) -> CircuitBreaker.Permit {
            do throws(Rejection) {
                guard task.isForced else { return try health.breaker.admit() }
                guard execution.chooser != nil else {
                    return try health.breaker.admitEarly(every: TargetHealth.earlyProbes)
                }
                if health.breaker.readiness != .ready { health.breaker.halfOpen() }
                return try health.breaker.admit()
            } catch {
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
            _ delivered: DeliveredText?, _ limits: PhaseLimits, _ lesson: Lesson,
            _ cancellation: CancellationToken?, _ begin: Instant
        ) async -> Opening.Result {
            let budget = health.budget, resends = meters.resends, pace = health.pace
            var manner = RequestMode(
                execution.request, execution.route.settings.attempts, limits, pace, isAlone: isAlone)
            var call = ProviderCall(
                request: execution.request, model: target.model, credential: candidate.credential,
                limits: manner.limits, keepsText: execution.keepsText, asStream: manner.asStream,
                goingOn: delivered.map(goingOn)
            ) {
                guard budget.withdraw() else { return false }
                resends.increment()
                return true
            }
            call.quotedModel = target.quotedModel
            call.cancellation = cancellation
            call.keepsChoices = execution.judges
            call.allowsEmpty = execution.route.settings.answers.empty == .pass
            let slowest =
                !isAlone && (manner.asStream || execution.brokenStreams == .buffer)
                ? StreamSpeed.Limit(
                    pace, minimumSpeed: execution.route.settings.attempts.minimumSpeed,
                    grace: limits.firstToken) : nil
            let watch = manner.asStream ? StreamWatch(slowest, time: time) : nil
            if !manner.asStream, !execution.request.streams { lesson.expectNoFirstToken() }
            if let watch {
                call.onEvents = { [time] (events) throws(AttemptFailure) in
                    let now = time.now
                    lesson.noteFirstToken(at: now)
                    lesson.probeAnswers(at: now)
                    try watch.note(events)
                }
            }
            do throws(AttemptFailure) {
                switch try await answer(to: &call, &manner, lesson, begin) {
                case .whole(let whole):
                    // Callers count on the usage of a whole answer.
                    if call.asStream, whole.facts.usage == nil { health.learnPace { $0.noteUnfitStreams() } }
                    if let failure = await failure(of: whole.choices, .whole(whole)) {
                        return .failed(failure, whole.facts)
                    }
                    return .whole(whole, watch?.speed)
                case .stream(let stream):
                    let result = await beginning(of: stream, slowest, lesson, begin)
                    guard case .failed(let failure, let facts) = result else { return result }
                    return .failed(named(failure, by: manner, since: begin), facts)
                }
            } catch { return .failed(named(error, by: manner, since: begin), nil) }
        }

        private func named(_ failure: AttemptFailure, by manner: RequestMode, since begin: Instant)
            -> AttemptFailure
        {
            failure.named(
                by: manner.limits, after: time.now.since(begin),
                isWhole: !manner.asStream && !execution.request.streams)
        }

        /// Asks the provider, and without a stream if it says that it does not stream.
        private func answer(
            to call: inout ProviderCall, _ manner: inout RequestMode, _ lesson: Lesson, _ begin: Instant
        ) async throws(AttemptFailure) -> Reply {
            do throws(AttemptFailure) { return try await target.provider.attempt(call) } catch {
                if manner.expectsQuickAnswer, error.kind == .timeout, error.phase == .head {
                    health.learnPace { $0.note(manner.limits.head * 2, tokens: nil) }
                    var failure = error
                    failure.cause = "no_whole_answer"
                    throw failure
                }
                if case .prefilled(let delivered, _)? = call.goingOn, error.kind == .invalidRequest {
                    call.goingOn = .fromScratch(delivered)
                    call.limits.total -= time.now.since(begin)
                    let reply = try await target.provider.attempt(call)
                    // Only now: it may have been the request itself that it refused.
                    health.learnPace { $0.noteRefusedPrefill() }
                    return reply
                }
                guard error.cause == "stream_refused" else { throw error }
            }
            health.learnPace { $0.noteUnfitStreams() }
            lesson.expectNoFirstToken()
            manner.giveUpStreaming(execution.route.settings.attempts)
            (call.asStream, call.limits) = (false, manner.limits)
            // Whoever is asked once more has only what is left of the attempt's time.
            call.limits.total -= time.now.since(begin)
            return try await target.provider.attempt(call)
        }

        /// Waits for the first meaningful part of a stream.
        private func beginning(
            of stream: any ReplyStream, _ slowest: StreamSpeed.Limit?, _ lesson: Lesson, _ begin: Instant
        ) async -> Opening.Result {
            var beginning = Opening.Beginning(
                held: HeldPieces(isWhole: execution.brokenStreams == .buffer), speed: StreamSpeed(slowest))
            do throws(StreamEnd) {
                while let piece = try await Self.next(stream) {
                    try beginning.held.add(piece)
                    guard piece.isProgress else { continue }
                    let now = time.now
                    beginning.speed.note(piece.events, at: now)
                    beginning.firstToken = now.since(begin)
                    meters.firstToken.record(now.since(begin))
                    lesson.noteFirstToken(at: now)
                    return .stream(stream, beginning)
                }
            } catch {
                let facts = stream.facts
                stream.cancel()
                guard case .failed(let failure) = error else { return .callerLeft }
                return .failed(failure, facts)
            }
            beginning.hasEnded = true
            return .stream(stream, beginning)
        }

        /// How the target is to go on with an answer that broke off.
        private func goingOn(_ delivered: DeliveredText) -> GoingOn {
            if execution.brokenStreams == .goOn, let prefill = target.prefill,
                execution.request.marks.messagesEnd != nil, health.pace.takesPrefill
            {
                return .prefilled(delivered, prefill)
            }
            return .fromScratch(delivered)
        }

        static func next(_ stream: any ReplyStream) async throws(StreamEnd) -> ReplyPiece? {
            do throws(AttemptFailure) { return try await stream.next() } catch { throw .failed(error) }
        }
    }
}
