public import Generation
public import Routing

/// How a request was decided: why each target stood where it did, what happened at each, and how it ended.
public struct Decision: Sendable {
    /// A target's place in the plan.
    public struct Planned: Sendable {
        /// The target as it is shown to people: provider and model.
        public var target: String
        /// Why it stood where it did.
        public var reason: Ranker.Reason

        /// Why it stood where it did, in words.
        public var why: String { reason.description }

        /// Where a strategy that learns saw it; nil for the others.
        public var standing: AdaptiveSelection.Standing? {
            if case .learned(let standing) = reason { standing } else { nil }
        }
    }

    /// A session that is to stay with its target.
    public struct Session: Sendable {
        /// What identifies it: a header's name, or `user`.
        public var by: String
        /// The target that answered it last; nil if it is new or was forgotten.
        public var target: String?
        /// Whether that target was put first.
        public var isKept: Bool
    }

    /// One step on the way.
    public struct Step: Sendable {
        /// What was done.
        public enum Kind: Sendable {
            /// The target was asked. `firstToken` is the time to the first meaningful part of a stream.
            case attempt(AttemptPurpose, AttemptFailure?, firstToken: Duration?)
            /// The target was asked and given up, since another one that was asked beside it has answered.
            case outrun(AttemptPurpose)
            /// The target was passed over.
            case refusal(TargetHealth.Refusal)
            /// The request waited before it asked the target again.
            case wait
            /// The retry budget of the target was spent.
            case budgetSpent
        }

        /// What was done.
        public var kind: Kind
        /// The target with its key; nil if it concerns none of them.
        public var identity: TargetIdentity?
        /// The label of the key.
        public var key: String
        /// When it began, from the arrival of the request.
        public var begin: Duration
        /// How long it took.
        public var duration: Duration
        /// What a failed attempt cost in tokens, if it said so.
        public var usage: Usage?

        /// The target as it is shown to people.
        public var target: String { identity?.name ?? "any target" }
    }

    /// The identity of the request.
    public var id: RequestID
    /// Who asked, by the name of its key; nil where no keys are needed.
    public var caller: String?
    /// When the request arrived, in milliseconds since 1970.
    public var arrivedAtMilliseconds: Int64
    /// The name that the caller asked for.
    public var route: String
    /// What ordered the targets.
    public var strategy: Strategy
    /// Whether a stream was asked for.
    public var streams: Bool
    /// The targets in the order in which they were to be tried.
    public var plan: [Planned] = []
    /// What chance began with when they were put in order; nil if the strategy does not learn.
    public var seed: UInt64?
    /// What was preferred, the most general first.
    public var preferences: [PreferenceLayer] = []
    /// What the session of the request had to do with the order; nil without one.
    public var session: Session?
    /// What speaks for the first of them rather than for the second, in words; nil if it was not chosen by what is known of
    /// them.
    public var advantage: String? {
        guard session?.isKept != true, plan.count > 1, let first = plan[0].standing,
            let second = plan[1].standing
        else { return nil }
        let reason =
            first.isExplored
            ? "to learn how it is, since nobody asked it for long" : first.advantage(over: second)
        return "\(plan[0].target) before \(plan[1].target): \(reason)"
    }
    /// What was done, in order.
    public var steps: [Step] = []
    /// How it ended.
    public var ending = RequestEnding.failed
    /// What the caller was told when there was no answer.
    public var failure: GatewayFailure?
    /// Who answered, or was asked last; nil when nobody was asked.
    public var provider: String?
    /// The model that answered, or was asked last, by the provider's name for it.
    public var model: String?
    /// What the strategy that did not decide would have done, on a route with a shadow.
    public var opinion: Opinion?
    /// Why the answer that was given is not good enough; nil if it is.
    public var flaw: String?
    /// What the answer said of itself: usage, model, identity; nil without one.
    public var facts: ReplyFacts?
    /// Whether its prompt is a long one.
    var isLong = false
    /// What its user says of the answer. Range: 0 to 10; nil if nothing was said.
    public internal(set) var score: Double?
    /// From the arrival of the request to its end.
    public var duration = Duration.zero
    /// The part of it that was neither spent at providers nor waiting.
    public var overhead = Duration.zero

    /// The name of the strategy that ordered the targets.
    public var strategyName: String { strategy.rawValue }

    /// Whether an answer that broke off was gone on with to its end.
    public var wasMended: Bool {
        guard case .attempt(.splice, nil, _)? = steps.last?.kind else { return false }
        return true
    }

    /// How many attempts were made.
    public var attempts: Int {
        steps.count { step in
            switch step.kind {
            case .attempt, .outrun: true
            case .refusal, .wait, .budgetSpent: false
            }
        }
    }
}
