public import Generation
public import Resilience
import Routing

/// What ``StateMachine`` is asked and what it answers.
extension Execution {
    /// What a request may cost in time and attempts.
    public struct Bounds: Sendable, Hashable {
        /// When the caller's answer must be there.
        public var deadline: Instant
        /// How hard to try.
        public var retry: RetrySettings
        /// The limits of one attempt; its total is cut at the deadline.
        public var limits: PhaseLimits
        /// What is known of the models of the targets, by their index; empty if nothing is.
        public var models: [ModelTraits] = []
        /// Whether patience is spent on targets that cannot be reached or ask for it, and a target whose breaker is open is
        /// probed early, when nobody else is left. Strategies that learn have ways of their own.
        public var waitsForTheLast = false

        /// Creates bounds.
        public init(deadline: Instant, retry: RetrySettings, limits: PhaseLimits) {
            self.deadline = deadline
            self.retry = retry
            self.limits = limits
        }

        /// Those of a request to a route.
        init(_ route: Route, deadline: Instant) {
            self.init(
                deadline: deadline, retry: route.settings.attempts.retry,
                limits: route.settings.attempts.limits)
            models = route.settings.models
            waitsForTheLast = !route.settings.selection.strategy.learns
        }
    }

    /// How asking a candidate went.
    public enum AttemptOutcome: Sendable, Hashable {
        /// It was not asked, since it must be left alone for a time.
        case refused(TargetHealth.Refusal)
        /// It was asked and failed; nothing of its answer has reached the caller.
        case failed(AttemptFailure)
        /// Its answer broke off after a part of it had reached the caller; another may be able to go on with it.
        case interrupted(AttemptFailure, canGoOn: Bool)
        /// Its answer reached the caller.
        case answered
        /// The caller left.
        case callerLeft
    }

    /// An attempt that is to be made.
    public struct Ask: Sendable, Hashable {
        /// The candidate's index.
        public var candidate: Int
        /// Its limits.
        public var limits: PhaseLimits
        /// What for.
        public var purpose: AttemptPurpose
        /// When another one may be asked too, by ``StateMachine/hedge(at:)``, if there is no first token; nil for never.
        public var hedgeAfter: Duration?
        /// Whether the candidate is asked although it is left alone.
        public var isForced: Bool
    }

    /// What to do next.
    public enum Step: Sendable, Hashable {
        /// Ask a candidate. Next: ``StateMachine/next(after:of:at:)``.
        case attempt(Ask)
        /// Another attempt runs; its end decides. Next: ``StateMachine/next(after:of:at:)``.
        case join
        /// Wait, then make a new plan. Next: ``StateMachine/resume(at:)``.
        case standBy(Duration)
        /// Wait, then ask a candidate again; it is a retry that the candidate's budget must allow. Next:
        /// ``StateMachine/resume(at:)``, or ``StateMachine/budgetSpent(at:)``.
        case wait(Duration, then: Int)
        /// Tell the caller that it failed.
        case fail(GatewayFailure)
        /// Tell the caller that its answer broke off.
        case interrupt(AttemptFailure)
        /// Nothing is left to do.
        case finish
    }
}
