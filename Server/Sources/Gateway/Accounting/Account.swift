import Generation
import Resilience

/// Keeps the books of one request and closes them exactly once, whatever the way out.
struct Account: ~Copyable {
    private(set) var decision: Decision
    private let arrivedAt: Instant
    /// The time spent at providers, in their queues and waiting.
    private var elsewhere = Duration.zero
    private let books: Books

    /// Where closed accounts go.
    struct Books: Sendable {
        let log: DecisionLog
        let metrics: GatewayMetrics.PerRoute
    }

    init(_ decision: Decision, arrivedAt: Instant, books: Books) {
        self.decision = decision
        self.arrivedAt = arrivedAt
        self.books = books
    }

    /// Notes a step that began at `begin` and has just ended.
    ///
    /// - Parameter usage: What it cost although it brought nothing.
    mutating func note(
        _ kind: Decision.Step.Kind, target: String, key: String, begin: Instant, end: Instant,
        usage: Usage? = nil
    ) {
        let duration = end.since(begin)
        elsewhere += duration
        decision.steps.append(
            Decision.Step(
                kind: kind, target: target, key: key, begin: begin.since(arrivedAt), duration: duration,
                usage: usage))
    }

    /// Notes who is asked now. What another one said of its answer does not count any more.
    mutating func asking(provider: String, model: String) {
        decision.provider = provider
        decision.model = model
        decision.facts = nil
    }

    /// What the caller is told, before the attempt that answers it has ended.
    ///
    /// - Parameter since: When that attempt began; nil when there is none.
    func summary(at now: Instant, attemptSince since: Instant? = nil) -> DecisionSummary {
        let running = since.map(now.since) ?? .zero
        return DecisionSummary(
            id: decision.id, provider: decision.provider, model: decision.facts?.model ?? decision.model,
            attempts: decision.attempts + (since == nil ? 0 : 1),
            overhead: max(.zero, now.since(arrivedAt) - elsewhere - running))
    }

    mutating func note(facts: ReplyFacts) {
        decision.facts = facts
    }

    /// Notes why the answer that the caller gets is not good enough.
    mutating func note(flaw: String) {
        decision.flaw = flaw
    }

    /// Notes what the strategy that did not decide would have done.
    mutating func note(opinion: Decision.Opinion) {
        decision.opinion = opinion
    }

    /// Closes the account.
    ///
    /// - Returns: The decision as it is kept.
    @discardableResult
    consuming func settle(_ ending: Decision.Ending, _ failure: GatewayFailure? = nil, at now: Instant)
        -> Decision
    {
        decision.ending = ending
        decision.failure = failure
        decision.duration = now.since(arrivedAt)
        decision.overhead = max(.zero, decision.duration - elsewhere)
        books.metrics.ended(ending)
        books.metrics.duration.record(decision.duration)
        books.metrics.overhead.record(decision.overhead)
        books.log.append(decision)
        return decision
    }
}
