public import Generation
public import Resilience

/// What ``StateMachine`` is asked and what it answers.
extension Execution {
    /// One who can be asked: a target with one of its keys.
    public struct Candidate: Sendable, Hashable {
        /// The target's index in the route.
        public var target: Int
        /// The key's index at the provider.
        public var credential: Int

        /// Creates a candidate.
        public init(target: Int, credential: Int) {
            self.target = target
            self.credential = credential
        }
    }

    /// What a request may cost in time and attempts.
    public struct Bounds: Sendable, Hashable {
        /// When the caller's answer must be there.
        public var deadline: Instant
        /// How hard to try.
        public var retry: RetrySettings
        /// The limits of one attempt; its total is cut at the deadline.
        public var limits: PhaseLimits
        /// What is known of the models of the targets, by their index; empty if nothing is.
        public var models: [Model] = []
        /// Whether patience is spent on targets that cannot be reached or ask for it, and a target whose breaker is open is
        /// probed early, when nobody else is left. Strategies that learn have ways of their own.
        public var waitsForTheLast = false

        /// Creates bounds.
        public init(deadline: Instant, retry: RetrySettings, limits: PhaseLimits) {
            self.deadline = deadline
            self.retry = retry
            self.limits = limits
        }
    }

    /// What decides whether a target can take a prompt that another called too long.
    public struct Model: Sendable, Hashable {
        /// Its name at the provider.
        public var name: String
        /// How many tokens prompt and answer may have together; nil if that is not known.
        public var window: Int?
        /// How long its first token may take, if that is longer than the route allows.
        public var firstToken: Duration?

        /// Creates a model.
        public init(_ name: String, window: Int? = nil, firstToken: Duration? = nil) {
            self.name = name
            self.window = window
            self.firstToken = firstToken
        }

        /// Whether it may take what is too long for `other`. Where a window is not known, another model may.
        func mayTakeLonger(than other: Model) -> Bool {
            guard let window, let others = other.window else { return name != other.name }
            return window > others
        }
    }

    /// How asking a candidate went.
    public enum Outcome: Sendable, Hashable {
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

    /// Why an attempt is made.
    public enum Purpose: String, Sendable, Hashable {
        case first, retry, failover
        /// Beside another attempt that is slow to begin its answer.
        case hedge
        /// To go on with an answer that broke off.
        case splice
        /// The first one, at a target that nobody has asked for long, to learn how it is.
        case exploration
    }

    /// An attempt that is to be made.
    public struct Ask: Sendable, Hashable {
        /// The candidate's index.
        public var candidate: Int
        /// Its limits.
        public var limits: PhaseLimits
        /// What for.
        public var purpose: Purpose
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
