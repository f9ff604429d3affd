public import Generation
public import Resilience

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

        /// Creates a model.
        public init(_ name: String, window: Int? = nil) {
            self.name = name
            self.window = window
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
        /// To go on with an answer that broke off.
        case splice
    }

    /// What to do next.
    public enum Step: Sendable, Hashable {
        /// Ask a candidate, by its index. Next: ``StateMachine/next(after:at:)``.
        case attempt(Int, PhaseLimits, Purpose)
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

    /// The decisions of one request's way through its candidates: failover, retry, waiting, deadline; no clock, lock,
    /// task or callback. The simulator drives the same decisions in virtual time.
    ///
    /// Candidates are tried in their order. A failure says by its conduct whether the same one is asked again first,
    /// whether another key may do better, and whether it is worth coming back when no other is left. All waits of a
    /// request together stay within its patience, and no attempt begins at or after its deadline. The first failure is
    /// what the caller is told when all fail: what came later only shows that the way out did not work either.
    public struct StateMachine: Sendable {
        private struct Track: Hashable {
            var retries = 0
            /// Not to be asked any more by this request.
            var isOut = false
            /// Passed over; may be asked at that moment, if nobody else is left.
            var againAt: Instant?
            /// Whether it was asked at all.
            var wasAsked = false
        }

        private let candidates: [Candidate]
        private let bounds: Bounds
        private let table: FailureTable
        private var chance: Chance
        private var tracks: [Track]
        private var position = 0
        private var pending: Int?
        private var waited = Duration.zero
        private(set) var attempts = 0
        private var firstFailure: AttemptFailure?
        /// Why the answer first broke off after a part of it had been delivered.
        private var interruption: AttemptFailure?
        private var refusals: [TargetHealth.Refusal] = []

        /// Creates the decisions for `candidates`, in the order in which they are to be tried.
        public init(
            _ candidates: [Candidate], bounds: Bounds, table: FailureTable = .standard, chance: Chance
        ) {
            self.candidates = candidates
            self.bounds = bounds
            self.table = table
            self.chance = chance
            tracks = Array(repeating: Track(), count: candidates.count)
        }

        /// The first thing to do.
        public mutating func start(at now: Instant) -> Step {
            ask(0, at: now)
        }

        /// What to do after the candidate that was last to be asked.
        public mutating func next(after outcome: Outcome, at now: Instant) -> Step {
            switch outcome {
            case .answered, .callerLeft: return .finish
            case .interrupted(let failure, let canGoOn):
                if interruption == nil { interruption = failure }
                guard canGoOn else { return giveUp(at: now) }
                return goOn(at: now)
            case .refused where interruption != nil: return goOn(at: now)
            case .refused(let refusal):
                refusals.append(refusal)
                if let wait = refusal.wait {
                    tracks[position].againAt = now.advanced(by: wait)
                } else {
                    tracks[position].isOut = true
                }
                return goElsewhere(at: now)
            case .failed where interruption != nil: return goOn(at: now)
            case .failed(let failure): return next(after: failure, at: now)
            }
        }

        /// Asks the next target to go on with what was delivered. Nobody is waited for and nobody asked again: the caller
        /// sees its stream stand still.
        private mutating func goOn(at now: Instant) -> Step {
            tracks[position].isOut = true
            passOverSiblings(of: position)
            let next = candidates.indices.first {
                !tracks[$0].isOut && !tracks[$0].wasAsked && tracks[$0].againAt == nil
            }
            guard let next else { return giveUp(at: now) }
            return ask(next, at: now)
        }

        /// The wait is over.
        public mutating func resume(at now: Instant) -> Step {
            guard let candidate = pending else { return giveUp(at: now) }
            pending = nil
            tracks[candidate].againAt = nil
            return ask(candidate, at: now)
        }

        /// The retry that was to follow a wait is not allowed by its budget.
        public mutating func budgetSpent(at now: Instant) -> Step {
            if let candidate = pending {
                tracks[candidate].isOut = true
                pending = nil
            }
            return goElsewhere(at: now)
        }

        // MARK: After a failure

        private mutating func next(after failure: AttemptFailure, at now: Instant) -> Step {
            let isFirst = firstFailure == nil
            if isFirst { firstFailure = failure }
            let conduct = table.conduct(for: failure)
            if conduct.scope == .window {
                passOverNarrower(than: position)
                return goElsewhere(at: now)
            }
            // A request that the first target calls wrong is wrong. If a later one does, it may be that target's own view.
            if conduct.scope == .request, isFirst { return giveUp(at: now) }
            let wait = wait(conduct, failure)
            if conduct.scope == .key, hasOtherKey(than: position) {
                tracks[position].againAt =
                    tracks[position].retries < conduct.retriesLast ? now.advanced(by: wait) : nil
                tracks[position].isOut = tracks[position].againAt == nil
                return goElsewhere(at: now)
            }
            if tracks[position].retries < conduct.retriesFirst, let step = waitFor(position, wait, at: now) {
                return step
            }
            let comesBack = conduct.scope != .request && tracks[position].retries < conduct.retriesLast
            tracks[position].againAt = comesBack ? now.advanced(by: wait) : nil
            tracks[position].isOut = !comesBack
            if conduct.scope != .key { passOverSiblings(of: position) }
            return goElsewhere(at: now)
        }

        private mutating func wait(_ conduct: Conduct, _ failure: AttemptFailure) -> Duration {
            let base: Duration = failure.kind == .rateLimit ? .milliseconds(250) : .milliseconds(40)
            var series = Backoff.Series(Backoff(base: base, jitter: .half, maximum: .seconds(2)))
            let backoff = series.delay(attempt: tracks[position].retries, random: chance.unit())
            guard conduct.wait == .asAsked, let asked = failure.retryAfter else { return backoff }
            return max(asked, backoff)
        }

        private func hasOtherKey(than index: Int) -> Bool {
            candidates.indices.contains { other in
                other != index && candidates[other].target == candidates[index].target && !tracks[other].isOut
                    && tracks[other].againAt == nil && !tracks[other].wasAsked
            }
        }

        /// Another key does not help against what ails the target itself.
        private mutating func passOverSiblings(of index: Int) {
            for other in candidates.indices
            where other != index && candidates[other].target == candidates[index].target {
                tracks[other].isOut = true
            }
        }

        /// What is too long for one model is too long for itself and for those with no larger window.
        private mutating func passOverNarrower(than index: Int) {
            let refusing = model(of: index)
            for other in candidates.indices where !model(of: other).mayTakeLonger(than: refusing) {
                tracks[other].isOut = true
            }
        }

        private func model(of index: Int) -> Model {
            let target = candidates[index].target
            return bounds.models.indices.contains(target) ? bounds.models[target] : Model("")
        }

        // MARK: Whom to ask

        private mutating func ask(_ index: Int, at now: Instant) -> Step {
            guard attempts < bounds.retry.maximumAttempts, now < bounds.deadline,
                candidates.indices.contains(index)
            else {
                return giveUp(at: now)
            }
            let purpose: Purpose =
                interruption != nil
                ? .splice : attempts == 0 ? .first : tracks[index].wasAsked ? .retry : .failover
            if tracks[index].wasAsked { tracks[index].retries += 1 }
            position = index
            var limits = bounds.limits
            limits.total = min(limits.total, bounds.deadline.since(now))
            return .attempt(index, limits, purpose)
        }

        /// Notes that the candidate was really asked, not refused.
        public mutating func asked() {
            attempts += 1
            tracks[position].wasAsked = true
        }

        private mutating func goElsewhere(at now: Instant) -> Step {
            let fresh = candidates.indices.first {
                !tracks[$0].isOut && !tracks[$0].wasAsked && tracks[$0].againAt == nil
            }
            if let fresh { return ask(fresh, at: now) }
            // Nobody is left who was not passed over: wait for the one who can be asked first, if that is soon enough.
            let soonest = candidates.indices.filter { !tracks[$0].isOut && tracks[$0].againAt != nil }
                .min { (tracks[$0].againAt ?? now) < (tracks[$1].againAt ?? now) }
            guard let soonest, let moment = tracks[soonest].againAt else { return giveUp(at: now) }
            if let step = waitFor(soonest, max(.zero, moment.since(now)), at: now) { return step }
            return giveUp(at: now)
        }

        private mutating func waitFor(_ index: Int, _ wait: Duration, at now: Instant) -> Step? {
            guard attempts < bounds.retry.maximumAttempts, waited + wait <= bounds.retry.patience,
                now.advanced(by: wait) < bounds.deadline
            else { return nil }
            waited += wait
            pending = index
            return .wait(wait, then: index)
        }

        /// Whether the candidate that waits was asked before, so that its budget must allow the retry.
        public var pendingIsRetry: Bool { pending.map { tracks[$0].wasAsked } ?? false }

        // MARK: Giving up

        private func giveUp(at now: Instant) -> Step {
            if let interruption { return .interrupt(interruption) }
            let again = tracks.filter { !$0.isOut }.compactMap(\.againAt).min().map {
                max(.zero, $0.since(now))
            }
            if let firstFailure { return .fail(.attemptsFailed(firstFailure, retryAfter: again)) }
            if now >= bounds.deadline { return .fail(.outOfTime) }
            return .fail(.nobodyAvailable(refusals, retryAfter: again))
        }
    }
}

extension TargetHealth.Refusal {
    /// The time after which the target may be asked; nil if that is not known.
    var wait: Duration? {
        switch self {
        case .breaker(let wait): wait
        case .cooling(_, let wait): wait
        case .full: nil
        }
    }
}
