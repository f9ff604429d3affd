import CoreMetrics
import Generation
import Resilience

/// What becomes of an attempt whose answer has begun.
extension Execution.Attempt {
    /// Gives the caller what the attempt has brought.
    func complete(
        _ opening: Opening, _ delivery: Delivery
    ) async throws(CallerLeft) -> Execution.AttemptOutcome {
        switch opening.result {
        case .failed, .refused, .callerLeft: return try settle(opening, delivery)
        case .whole(let whole, let speed):
            noteAsking(delivery)
            let now = time.now, tokens = whole.facts.usage?.completionTokens
            opening.lesson?.answered(tokens: tokens, limit: whole.facts.limit, at: now)
            health.learnPace {
                $0.note(now.since(opening.begin), tokens: tokens)
                if let speed { $0.note(speed) }
            }
            delivery.account.note(facts: whole.facts)
            let summary = delivery.account.summary(at: now, attemptSince: opening.begin)
            succeeded(opening, delivery, firstToken: nil)
            try await delivery.give(whole, summary)
            return .answered
        case .stream(let stream, let beginning):
            noteAsking(delivery)
            return try await deliver(stream, beginning, opening, delivery)
        }
    }

    /// Tells of an attempt that brought nothing.
    func settle(_ opening: Opening, _ delivery: Delivery) throws(CallerLeft) -> Execution.AttemptOutcome {
        switch opening.result {
        case .refused(let refusal):
            delivery.account.note(.refusal(refusal), at: health, begin: opening.begin, end: time.now)
            return .refused(refusal)
        case .failed(let failure, let facts):
            noteAsking(delivery)
            if let facts { note(facts, delivery) }
            return try failed(failure, opening, delivery, facts?.usage)
        case .whole, .stream, .callerLeft: throw CallerLeft()
        }
    }

    /// Tells of an attempt that another one has outrun.
    func outrun(_ opening: Opening, _ delivery: Delivery) {
        opening.lesson?.outrun(at: time.now)
        meters.outrun.increment()
        delivery.account.note(.outrun(purpose), at: health, begin: opening.begin, end: time.now)
    }

    private func noteAsking(_ delivery: Delivery) {
        delivery.account.asking(provider: target.provider.name, model: target.model)
    }

    private func note(_ facts: ReplyFacts, _ delivery: Delivery) {
        delivery.account.note(facts: facts)
        if facts.skippedEvents > 0 { meters.skippedEvents.increment(by: Int64(facts.skippedEvents)) }
    }

    private func succeeded(_ opening: Opening, _ delivery: Delivery, firstToken: Duration?) {
        meters.attempted(nil)
        delivery.account.note(
            .attempt(purpose, nil, firstToken: firstToken), at: health, begin: opening.begin, end: time.now)
    }

    private func failed(
        _ failure: AttemptFailure, _ opening: Opening, _ delivery: Delivery, _ usage: Usage? = nil,
        firstToken: Duration? = nil
    ) throws(CallerLeft) -> Execution.AttemptOutcome {
        let now = time.now
        meters.attempted(failure)
        delivery.account.note(
            .attempt(purpose, failure, firstToken: firstToken), at: health, begin: opening.begin, end: now,
            usage: usage)
        if failure.isCancellation { throw CallerLeft() }
        learn(from: failure, opening, at: now)
        return .failed(failure)
    }

    /// Takes from a failure what it says of the target and its key.
    func learn(from failure: AttemptFailure, _ opening: Opening, at now: Instant) {
        let conduct = execution.route.settings.attempts.failures.conduct(for: failure)
        if conduct.scope == .key, let duration = conduct.cooldown(asked: failure.retryAfter) {
            health.cool(for: duration, because: failure.kind, at: now)
        }
        opening.lesson?.failed(failure, conduct, at: now)
    }

    // MARK: Streams

    /// Passes a stream on. Nothing reaches the caller before the first meaningful part, so that until then another
    /// target can take over unseen; with `buffer` nothing does before the end.
    private func deliver(
        _ stream: any ReplyStream, _ beginning: Opening.Beginning, _ opening: Opening, _ delivery: Delivery
    ) async throws(CallerLeft) -> Execution.AttemptOutcome {
        var held = beginning.held, speed = beginning.speed
        let firstToken = beginning.firstToken
        do throws(StreamEnd) {
            if firstToken != nil {
                delivery.account.note(facts: stream.facts)
                // Others need not wait for the end of its stream.
                opening.lesson?.probeAnswers(at: time.now)
                if !held.isWhole { try await open(held, opening, delivery) }
            }
            while !beginning.hasEnded, let piece = try await Self.next(stream) {
                if held.isWhole {
                    try held.add(piece)
                    guard piece.isProgress else { continue }
                    speed.note(piece.events, at: time.now)
                    if speed.isTooSlow { throw .failed(StreamSpeed.failure) }
                } else {
                    speed.count(piece.events)
                    try await Self.pass { () throws(CallerLeft) in try await delivery.give(piece) }
                }
            }
            if held.isWhole,
                let failure = await self.failure(of: stream.choices, .stream(held.joined, stream.facts))
            {
                throw .failed(failure)
            }
            // An answer that was gone on with may have had nothing but its end to come.
            if held.isWhole || firstToken == nil { try await open(held, opening, delivery) }
        } catch {
            note(stream.facts, delivery)
            guard case .failed(let bare) = error else { throw CallerLeft() }
            let failure = bare.named(by: task.limits, after: time.now.since(opening.begin), isWhole: false)
            let hasPart = firstToken != nil && !held.isWhole
            if hasPart { delivery.delivered = stream.delivered }
            let outcome = try failed(
                failure, opening, delivery, stream.facts.usage, firstToken: firstToken)
            return hasPart
                ? .interrupted(failure, canGoOn: delivery.delivered?.canGoOn ?? false) : outcome
        }
        note(stream.facts, delivery)
        let now = time.now
        opening.lesson?.answered(
            tokens: stream.facts.usage?.completionTokens, took: firstToken, limit: stream.facts.limit,
            at: now)
        speed.note(0, at: now)
        health.learnPace { $0.note(speed) }
        succeeded(opening, delivery, firstToken: firstToken)
        try await delivery.finish()
        return .answered
    }

    /// Gives the caller what was held back, as the beginning of its stream unless that was begun before.
    private func open(
        _ held: HeldPieces, _ opening: Opening, _ delivery: Delivery
    ) async throws(StreamEnd) {
        let pieces = held.joined, now = time.now
        try await Self.pass { () throws(CallerLeft) in
            try await delivery.give(
                pieces, delivery.account.summary(at: now, attemptSince: opening.begin))
        }
    }

    private static func pass(_ delivery: () async throws(CallerLeft) -> Void) async throws(StreamEnd) {
        do throws(CallerLeft) { try await delivery() } catch { throw .callerLeft }
    }
}
