import CoreMetrics
import Generation
import Resilience
import Routing

/// The books of one request: opened before anything is decided, settled exactly once, whatever the way out.
struct Account: ~Copyable {
    private var decision: Decision
    private let arrivedAt: Instant
    /// The time spent at providers, in their queues and waiting.
    private var elsewhere = Duration.zero
    private let books: Books
    private var isSettled = false

    /// Where settled accounts go.
    struct Books: Sendable {
        let log: DecisionLog
        let metrics: GatewayMetrics.PerRoute
    }

    /// Opens an account.
    init(_ decision: consuming Decision, arrivedAt: Instant, books: Books) {
        self.decision = decision
        self.arrivedAt = arrivedAt
        self.books = books
    }

    /// A request without books would be a request that nobody can explain.
    deinit { assert(isSettled, "an account was not settled") }

    // MARK: On the way

    /// Notes who decides, by what, and in what order the targets are to be tried.
    mutating func note(
        plan: [Decision.Planned], by strategy: Strategy, preferences: [PreferenceLayer], seed: UInt64?,
        session: Decision.Session?
    ) {
        decision.plan = plan
        decision.strategy = strategy
        decision.preferences = preferences
        decision.seed = seed
        decision.session = session
    }

    /// Notes a step that began at `begin` and has just ended.
    ///
    /// - Parameter usage: What it cost although it brought nothing.
    mutating func note(
        _ kind: Decision.Step.Kind, at target: TargetHealth?, begin: Instant, end: Instant,
        usage: Usage? = nil
    ) {
        let duration = end.since(begin)
        elsewhere += duration
        decision.steps.append(
            Decision.Step(
                kind: kind, identity: target?.identity, key: target?.credential ?? "",
                begin: begin.since(arrivedAt), duration: duration, usage: usage))
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
        var summary = DecisionSummary(
            id: decision.id, provider: decision.provider, model: decision.facts?.model ?? decision.model,
            attempts: decision.attempts + (since == nil ? 0 : 1),
            overhead: max(.zero, now.since(arrivedAt) - elsewhere - running))
        summary.flaw = decision.flaw
        return summary
    }

    /// Notes what an answer says of itself.
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

    /// Shows the decision as it stands, without a copy: it is large.
    borrowing func review<Result>(_ body: (Decision) -> Result) -> Result { body(decision) }

    // MARK: The end

    /// Settles the account: the decision is kept and counted.
    mutating func settle(_ ending: RequestEnding, _ failure: GatewayFailure?, at now: Instant) {
        guard !isSettled else { return assertionFailure("an account was settled twice") }
        isSettled = true
        decision.ending = ending
        decision.failure = failure
        decision.duration = now.since(arrivedAt)
        decision.overhead = max(.zero, decision.duration - elsewhere)
        books.metrics.endings.count(ending)
        books.metrics.duration.record(decision.duration)
        books.metrics.overhead.record(decision.overhead)
        if decision.wentElsewhere { books.metrics.failovers.increment() }
        if decision.wasMended { books.metrics.mended.increment() }
        books.log.append(decision)
    }
}

extension Decision {
    /// Whether another target than the first that was asked had to be asked.
    fileprivate var wentElsewhere: Bool {
        steps.contains { step in
            switch step.kind {
            case .attempt(.failover, _, _), .attempt(.splice, _, _), .attempt(.hedge, nil, _): return true
            default: return false
            }
        }
    }
}
