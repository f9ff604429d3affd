/// What the layers of a pipeline tell those inside them about a call.
public struct CallContext: Sendable {
    /// The attempt's number, from 0; set by a retry or a hedge outside.
    public var attempt: Int
    /// The moment at which the caller wants its answer; the earliest of those that layers outside have set.
    public var deadline: Instant?
    /// The budget that retries of this call are taken from; nil if no layer outside has one.
    public var budget: RetryBudget?
    /// Whose turn it is first where calls wait, as in a ``Bulkhead``: the higher number.
    public var priority: Int
    /// Whether the call may run twice at the same time without harm, as an idempotent one may. A ``Hedge`` makes no
    /// second attempt at one that may not.
    public var mayOverlap: Bool
    /// When the innermost retry outside began, if it needs to know.
    var retriedSince: Instant?

    /// Creates the context of a call that no layer has seen yet.
    public init(
        attempt: Int = 0, deadline: Instant? = nil, budget: RetryBudget? = nil, priority: Int = 0,
        mayOverlap: Bool = true
    ) {
        self.attempt = attempt
        self.deadline = deadline
        self.budget = budget
        self.priority = priority
        self.mayOverlap = mayOverlap
    }

    /// The time until the deadline; nil if there is none, zero if it has passed.
    public func remaining(at now: Instant) -> Duration? {
        deadline.map { max(.zero, $0.since(now)) }
    }

    /// The same with a deadline that is not later than `deadline`.
    @usableFromInline
    func before(_ deadline: Instant) -> CallContext {
        var context = self
        context.deadline = self.deadline.map { min($0, deadline) } ?? deadline
        return context
    }
}
