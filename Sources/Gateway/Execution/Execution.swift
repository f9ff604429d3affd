import CoreMetrics
import Generation
import NIOCore
import Resilience

/// One request's way through its targets: does what ``StateMachine`` decides.
public final class Execution: Sendable {
    /// The most a stream may send before its first meaningful part.
    private static let startupEvents = 64, startupBytes = 256 * 1024

    private let request: GenerationRequest
    private let targets: [Target]
    private let table: FailureTable
    private let time: TimeSource

    init(_ request: GenerationRequest, _ targets: [Target], table: FailureTable = .standard, time: TimeSource)
    {
        self.request = request
        self.targets = targets
        self.table = table
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
        var machine = machine
        var step = machine.start(at: time.now)
        do throws(CallerLeft) {
            while true {
                switch step {
                case .attempt(let index, let limits, let purpose):
                    let attempt = Attempt(self, candidates[index], limits, purpose)
                    let outcome = try await attempt.run(&machine, &account, into: sink)
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

        func run(_ machine: inout StateMachine, _ account: inout Account, into sink: some ReplySink)
            async throws(CallerLeft)
            -> Outcome
        {
            let begin = time.now
            do throws(Exit) {
                return try await admitAndAsk(&machine, &account, begin, into: sink)
            } catch {
                guard case .refused(let refusal) = error else { throw CallerLeft() }
                account.note(.refusal(refusal), target: target.name, key: key, begin: begin, end: time.now)
                return .refused(refusal)
            }
        }

        private func admitAndAsk(
            _ machine: inout StateMachine, _ account: inout Account, _ begin: Instant,
            into sink: some ReplySink
        ) async throws(Exit) -> Outcome {
            if let (left, kind) = health.cooling(at: begin) {
                throw .refused(.cooling(kind, retryAfter: left))
            }
            let permit = try admit()
            let place = try await enter()
            machine.asked()
            if purpose == .retry { meters.retries.increment() } else { health.budget.deposit() }
            account.asking(provider: target.provider.name, model: target.model)
            defer { _ = place }
            do throws(CallerLeft) { return try await ask(permit, &account, begin, into: sink) } catch {
                throw .callerLeft
            }
        }

        private func admit() throws(Exit) -> CircuitBreaker.Permit {
            do throws(Rejection) { return try health.breaker.admit() } catch {
                throw .refused(.breaker(retryAfter: error.retryAfter))
            }
        }

        private func enter() async throws(Exit) -> Bulkhead.Permit? {
            guard let bulkhead = health.bulkhead else { return nil }
            do { return try await bulkhead.enter() } catch {
                throw error is Rejection ? .refused(.full) : .callerLeft
            }
        }

        private func ask(
            _ permit: consuming CircuitBreaker.Permit, _ account: inout Account, _ begin: Instant,
            into sink: some ReplySink
        ) async throws(CallerLeft) -> Outcome {
            let budget = health.budget, resends = meters.resends
            let call = ProviderCall(
                request: execution.request, model: target.model, credential: candidate.credential,
                limits: limits
            ) {
                guard budget.withdraw() else { return false }
                resends.increment()
                return true
            }
            let reply: Reply
            do throws(AttemptFailure) { reply = try await target.provider.attempt(call) } catch {
                return try failed(error, permit, &account, begin)
            }
            switch reply {
            case .whole(let whole):
                permit.settle(.success)
                account.note(facts: whole.facts)
                let summary = account.summary(at: time.now, attemptSince: begin)
                succeeded(&account, begin, firstToken: nil)
                try await sink.deliver(whole, summary)
                return .answered
            case .stream(let stream):
                defer { stream.cancel() }
                return try await deliver(stream, permit, &account, begin, into: sink)
            }
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
            let conduct = execution.table.conduct(for: failure)
            permit.settle(conduct.countsAgainstBreaker ? .failure(retryAfter: failure.retryAfter) : .ignored)
            if conduct.scope == .key, let duration = conduct.cooldown(asked: failure.retryAfter) {
                health.cool(for: duration, because: failure.kind, at: now)
            }
            return .failed(failure)
        }

        // MARK: Streams

        /// Passes a stream on. Nothing reaches the caller before the first meaningful part, so that until then another
        /// target can take over unseen.
        private func deliver(
            _ stream: any ReplyStream, _ permit: consuming CircuitBreaker.Permit, _ account: inout Account,
            _ begin: Instant, into sink: some ReplySink
        ) async throws(CallerLeft) -> Outcome {
            var permit: CircuitBreaker.Permit? = permit
            var startup = Startup(), firstToken: Duration?
            do throws(StreamEnd) {
                while let piece = try await Self.next(stream) {
                    if firstToken != nil {
                        try await Self.pass { () throws(CallerLeft) in try await sink.deliver(piece) }
                        continue
                    }
                    try startup.add(piece)
                    guard piece.isProgress else { continue }
                    let now = time.now
                    firstToken = now.since(begin)
                    account.note(facts: stream.facts)
                    meters.firstToken.record(now.since(begin))
                    // A probe has shown that the target answers; others need not wait for the end of its stream.
                    if permit?.isProbe == true { permit.take()?.settle(.success, took: firstToken) }
                    let summary = account.summary(at: now, attemptSince: begin), opening = startup.joined
                    try await Self.pass { () throws(CallerLeft) in
                        try await sink.begin(summary)
                        try await sink.deliver(opening)
                    }
                }
            } catch {
                account.note(facts: stream.facts)
                guard case .failed(let failure) = error else { throw CallerLeft() }
                return try interrupted(failure, permit.take(), &account, begin, firstToken)
            }
            account.note(facts: stream.facts)
            permit.take()?.settle(.success, took: firstToken)
            succeeded(&account, begin, firstToken: firstToken)
            try await sink.finish()
            return .answered
        }

        private func interrupted(
            _ failure: AttemptFailure, _ permit: consuming CircuitBreaker.Permit?, _ account: inout Account,
            _ begin: Instant, _ firstToken: Duration?
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
            return firstToken == nil ? outcome : .interrupted(failure)
        }

        /// Why a stream is not passed on any further.
        private enum StreamEnd: Error {
            case failed(AttemptFailure)
            case callerLeft
        }

        private static func next(_ stream: any ReplyStream) async throws(StreamEnd) -> ReplyPiece? {
            do throws(AttemptFailure) { return try await stream.next() } catch { throw .failed(error) }
        }

        private static func pass(_ delivery: () async throws(CallerLeft) -> Void) async throws(StreamEnd) {
            do throws(CallerLeft) { try await delivery() } catch { throw .callerLeft }
        }

        /// What a stream sends before its first meaningful part, within bounds.
        private struct Startup {
            private var pieces: [ReplyPiece] = []
            private var events = 0, bytes = 0

            mutating func add(_ piece: ReplyPiece) throws(StreamEnd) {
                pieces.append(piece)
                events += piece.events
                bytes += piece.bytes.readableBytes
                if !piece.isProgress, events > Execution.startupEvents || bytes > Execution.startupBytes {
                    throw .failed(
                        AttemptFailure(
                            .apiFailure, cause: "no_answer", phase: .firstToken,
                            message: "the provider's stream begins with too much that is no answer"))
                }
            }

            var joined: ReplyPiece {
                guard var first = pieces.first else {
                    return ReplyPiece(bytes: ByteBuffer(), events: 0, isProgress: false)
                }
                for piece in pieces.dropFirst() {
                    first.bytes.writeImmutableBuffer(piece.bytes)
                    first.events += piece.events
                    first.isProgress = first.isProgress || piece.isProgress
                }
                return first
            }
        }
    }
}

extension AttemptFailure {
    /// Whether the attempt ended because nobody waited for it any more.
    var isCancellation: Bool { cause == "cancelled" }
}
