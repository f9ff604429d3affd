import Generation
public import Resilience
public import Routing

extension Execution {
    /// The decisions of one request's way through its candidates: failover, retry, hedging, waiting, deadline; no clock,
    /// lock, task or callback. The simulator drives the same decisions in virtual time.
    ///
    /// Candidates are tried in the order of the plan. A failure says by its conduct whether the same one is asked again
    /// first, whether another key may do better, and whether it is worth coming back when no other is left. All waits of a
    /// request together stay within its patience, and no attempt begins at or after its deadline. The first failure is
    /// what the caller is told when all fail: what came later only shows that the way out did not work either.
    public struct StateMachine: Sendable {
        private struct Track: Hashable {
            var retries = 0
            /// Not to be asked any more by this request.
            var isOut = false
            /// Passed over; may be asked at that moment, if nobody else is left.
            var againAt: Instant?
            /// Whether that moment is the target's wish, or its breaker's, and not a wait of our own.
            var isAwaited = false
            /// Whether it was asked at all.
            var wasAsked = false
            /// Whether its breaker kept the request away.
            var isGuarded = false
            /// When it last kept the request away.
            var refusedAt: Instant?
            /// Whether it is asked for early probes, since nobody else is left.
            var isLastResort = false

            /// Whether it may now be asked for an early probe.
            var mayBeLastResort: Bool { isGuarded && !isOut && !isLastResort }
        }

        /// Who may be asked now. Strategies that learn set a new one before each step.
        public var plan: Plan
        private let candidates: [Candidate]
        private let bounds: Bounds
        private let table: FailureTable
        private var chance: Chance
        private var tracks: [Track]
        private var pending: Int?
        private var waited = Duration.zero
        /// The wait that goes on: since when, and for how long.
        private var pause: (since: Instant, length: Duration)?
        /// The attempts that were made.
        public private(set) var attempts = 0
        /// The attempts that were told to be made and have not ended.
        private var running = RunningAttempts()
        private var firstFailure: AttemptFailure?
        /// Why the answer first broke off after a part of it had been delivered.
        private var interruption: AttemptFailure?
        private var refusals: [TargetHealth.Refusal] = []
        /// Whether a retry was not made, since so many were that more would do harm.
        private var isBudgetSpent = false

        /// Creates the decisions for `candidates`.
        ///
        /// - Parameter plan: The order in which they are to be tried; nil for their own.
        public init(
            _ candidates: [Candidate], plan: Plan? = nil, bounds: Bounds, table: FailureTable = .standard,
            chance: Chance
        ) {
            self.candidates = candidates
            self.plan = plan ?? .inOrder(candidates.count)
            self.bounds = bounds
            self.table = table
            self.chance = chance
            tracks = Array(repeating: Track(), count: candidates.count)
        }

        /// The first thing to do.
        public mutating func start(at now: Instant) -> Step {
            goElsewhere(at: now)
        }

        /// What to do after the attempt at the candidate of that index.
        public mutating func next(after outcome: AttemptOutcome, of index: Int, at now: Instant) -> Step {
            running.remove(index)
            switch outcome {
            case .answered, .callerLeft: return .finish
            case .interrupted(let failure, let canGoOn):
                if interruption == nil { interruption = failure }
                return canGoOn ? goOn(from: index, at: now) : giveUp(at: now)
            case .refused, .failed:
                if interruption != nil { return goOn(from: index, at: now) }
            }
            if case .refused(let refusal) = outcome { return next(after: refusal, of: index, at: now) }
            if case .failed(let failure) = outcome { return next(after: failure, of: index, at: now) }
            return giveUp(at: now)
        }

        /// Asks the next target to go on with what was delivered. Nobody is waited for and nobody asked again: the caller
        /// sees its stream stand still.
        private mutating func goOn(from index: Int, at now: Instant) -> Step {
            tracks[index].isOut = true
            passOverSiblings(of: index)
            guard let next = fresh(at: now) else { return giveUp(at: now) }
            return ask(next, at: now)
        }

        /// The wait is over.
        public mutating func resume(at now: Instant) -> Step {
            endPause(at: now)
            guard let candidate = pending else { return goElsewhere(at: now) }
            pending = nil
            tracks[candidate].againAt = nil
            return ask(choice(of: candidate), at: now)
        }

        /// Counts a wait, which may have ended early.
        private mutating func endPause(at now: Instant) {
            guard let (since, length) = pause else { return }
            pause = nil
            let actual = now.since(since)
            waited += actual + .microseconds(1) < length ? actual : length
        }

        /// The retry that was to follow a wait is not allowed by its budget.
        public mutating func budgetSpent(at now: Instant) -> Step {
            pause = nil
            isBudgetSpent = true
            if let candidate = pending {
                tracks[candidate].isOut = true
                pending = nil
            }
            return goElsewhere(at: now)
        }

        /// Asks another candidate beside the one that runs, which is slow to begin its answer.
        ///
        /// - Returns: Nil if nobody else is to be asked.
        public mutating func hedge(at now: Instant) -> Ask? {
            hedge(fresh(at: now), at: now)
        }

        /// Asks a healthy candidate of another target beside the one that runs.
        ///
        /// - Parameter isHealthy: Whether a candidate would be let through now like any other.
        /// - Returns: Nil if nobody else is to be asked.
        mutating func hedge(at now: Instant, where isHealthy: (Int) -> Bool) -> Ask? {
            let next = running.first.flatMap { alternative(to: $0, where: isHealthy) }
            return hedge(next, at: now)
        }

        private mutating func hedge(_ choice: Plan.Choice?, at now: Instant) -> Ask? {
            guard running.count == 1, interruption == nil, let choice,
                case .attempt(var ask) = ask(choice, at: now)
            else { return nil }
            ask.purpose = .hedge
            ask.hedgeAfter = nil
            return ask
        }

        /// How often the candidate of that index was asked.
        public func timesAsked(_ index: Int) -> Int {
            tracks.indices.contains(index) && tracks[index].wasAsked ? tracks[index].retries + 1 : 0
        }

        /// Whether the attempt at the candidate of that index is the only one that runs.
        public func isAlone(_ index: Int) -> Bool { running.isOnly(index) }

        /// The attempt at the candidate of that index was given up, since another one has answered.
        public mutating func outrun(_ index: Int) {
            running.remove(index)
        }

        // MARK: After a failure

        private mutating func next(after refusal: TargetHealth.Refusal, of index: Int, at now: Instant)
            -> Step
        {
            if !tracks[index].isLastResort { refusals.append(refusal) }
            tracks[index].refusedAt = now
            if case .breaker = refusal { tracks[index].isGuarded = true }
            if let wait = refusal.wait {
                (tracks[index].againAt, tracks[index].isAwaited) = (now.advanced(by: wait), true)
            } else {
                tracks[index].isOut = true
            }
            return goElsewhere(at: now)
        }

        private mutating func next(after failure: AttemptFailure, of index: Int, at now: Instant) -> Step {
            let isFirst = firstFailure == nil
            if isFirst { firstFailure = failure }
            let conduct = table.conduct(for: failure)
            if conduct.scope == .window {
                passOverNarrower(than: index)
                return goElsewhere(at: now)
            }
            // A request that the first target calls wrong is wrong. If a later one does, it may be that target's own view.
            if conduct.scope == .request, isFirst { return giveUp(at: now) }
            let wait = wait(conduct, failure, of: index)
            tracks[index].isAwaited = failure.retryAfter != nil
            if conduct.scope == .key, hasOtherKey(than: index) {
                comeBack(to: index, after: wait, if: tracks[index].retries < conduct.retriesLast, at: now)
                return goElsewhere(at: now)
            }
            if running.isEmpty, tracks[index].retries < conduct.retriesFirst,
                let step = waitFor(index, wait, at: now)
            {
                return step
            }
            let persists = bounds.waitsForTheLast && conduct.isWaitedOut(failure) && patienceLeft > .zero
            comeBack(
                to: index, after: persists ? growingWait(atLeast: failure.retryAfter) : wait,
                if: persists || mayComeBack(conduct, failure) && tracks[index].retries < conduct.retriesLast,
                at: now)
            if conduct.scope != .key { passOverSiblings(of: index) }
            return goElsewhere(at: now)
        }

        /// Whether the same target may be asked again when no other is left. One that has stalled was given its time.
        private func mayComeBack(_ conduct: Conduct, _ failure: AttemptFailure) -> Bool {
            conduct.scope != .request && !(bounds.waitsForTheLast && failure.limit == .idle)
        }

        private var patienceLeft: Duration { bounds.retry.patience - waited }

        /// Waits that double, so that the attempts that are left use up the patience that is left.
        private mutating func growingWait(atLeast asked: Duration?) -> Duration {
            let left = patienceLeft, most = Duration.milliseconds(1500)
            let doublings = min(max(1, bounds.retry.maximumAttempts - attempts), 16)
            let share = min(max(left / ((1 << doublings) - 1), .milliseconds(50)), most)
            let wait = doublings == 1 ? share : share * (0.9 + 0.2 * chance.unit())
            return max(asked ?? .zero, min(wait, left))
        }

        /// Whether a candidate may be asked again when no other is left.
        private mutating func comeBack(
            to index: Int, after wait: Duration, if comesBack: Bool, at now: Instant
        ) {
            tracks[index].againAt = comesBack ? now.advanced(by: wait) : nil
            tracks[index].isOut = !comesBack
        }

        private mutating func wait(_ conduct: Conduct, _ failure: AttemptFailure, of index: Int) -> Duration {
            let base: Duration = failure.kind == .rateLimit ? .milliseconds(250) : .milliseconds(40)
            var series = Backoff.Series(Backoff(base: base, jitter: .half, maximum: .seconds(2)))
            let backoff = series.delay(attempt: tracks[index].retries, random: chance.unit())
            guard conduct.wait == .asAsked, let asked = failure.retryAfter else { return backoff }
            return max(asked, backoff)
        }

        private func hasOtherKey(than index: Int) -> Bool {
            candidates.indices.contains { other in
                other != index && candidates[other].target == candidates[index].target && isFresh(other)
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

        private func model(of index: Int) -> ModelTraits {
            let target = candidates[index].target
            return bounds.models.indices.contains(target) ? bounds.models[target] : ModelTraits("")
        }

        // MARK: Whom to ask

        private func isFresh(_ index: Int) -> Bool {
            tracks.indices.contains(index) && !tracks[index].isOut && !tracks[index].wasAsked
                && tracks[index].againAt == nil && !running.contains(index)
        }

        /// How long one that has refused is not asked all the same: a request whose plan wants that again and again would
        /// do nothing else until its time is up.
        private static let rest = Duration.milliseconds(50)

        /// The best candidate that was neither asked nor passed over, or that the plan wants asked all the same.
        private func fresh(at now: Instant) -> Plan.Choice? {
            plan.order.first { choice in
                let index = choice.candidate
                guard choice.isForced, tracks.indices.contains(index) else { return isFresh(index) }
                let mayBeForced = tracks[index].refusedAt.map { $0.advanced(by: Self.rest) <= now } ?? true
                return mayBeForced && !running.contains(index)
            }
        }

        private func choice(of index: Int) -> Plan.Choice {
            plan.order.first { $0.candidate == index } ?? Plan.Choice(index)
        }

        private mutating func ask(_ choice: Plan.Choice, at now: Instant) -> Step {
            let index = choice.candidate, model = model(of: choice.candidate)
            guard attempts < bounds.retry.maximumAttempts, now < bounds.deadline,
                candidates.indices.contains(index)
            else {
                return giveUp(at: now)
            }
            let purpose: AttemptPurpose =
                interruption != nil
                ? .splice
                : attempts == 0
                    ? choice.isExploration ? .exploration : .first
                    : tracks[index].wasAsked ? .retry : .failover
            if tracks[index].wasAsked { tracks[index].retries += 1 }
            running.append(index)
            var limits = bounds.limits
            limits.total = min(limits.total, bounds.deadline.since(now))
            if let firstToken = choice.firstToken { limits.firstToken = min(limits.firstToken, firstToken) }
            if let firstToken = model.firstToken { limits.allow(firstToken: firstToken) }
            return .attempt(
                Ask(
                    candidate: index, limits: limits, purpose: purpose, hedgeAfter: choice.hedgeAfter,
                    isForced: choice.isForced || tracks[index].isLastResort))
        }

        /// Whether another target could be asked in place of the candidate of that index, which is about to be.
        ///
        /// - Parameter isHealthy: Whether a candidate would be let through now like any other.
        public func hasAlternative(to index: Int, where isHealthy: (Int) -> Bool) -> Bool {
            attempts + 1 < bounds.retry.maximumAttempts && alternative(to: index, where: isHealthy) != nil
        }

        private func alternative(to index: Int, where isHealthy: (Int) -> Bool) -> Plan.Choice? {
            plan.order.first { choice in
                let other = choice.candidate
                return isFresh(other) && candidates[other].target != candidates[index].target
                    && isHealthy(other)
            }
        }

        /// Notes that the candidate was really asked, not refused.
        public mutating func asked(_ index: Int) {
            attempts += 1
            tracks[index].wasAsked = true
        }

        private mutating func goElsewhere(at now: Instant) -> Step {
            guard running.isEmpty else { return .join }
            if plan.givesUp { return giveUp(at: now) }
            if let fresh = fresh(at: now) { return ask(fresh, at: now) }
            if bounds.waitsForTheLast,
                let guarded = tracks.indices.first(where: { tracks[$0].mayBeLastResort })
            {
                tracks[guarded].isLastResort = true
                tracks[guarded].againAt = nil
                return ask(choice(of: guarded), at: now)
            }
            // Nobody is left who was not passed over: wait for the one who can be asked first, if that is soon enough.
            let soonest = candidates.indices.filter { !tracks[$0].isOut && tracks[$0].againAt != nil }
                .min { (tracks[$0].againAt ?? now) < (tracks[$1].againAt ?? now) }
            let moment = soonest.flatMap { tracks[$0].againAt }
            if let pause = plan.standBy, moment.map({ now.advanced(by: pause.step) < $0 }) ?? true {
                return standBy(pause, at: now)
            }
            guard let soonest, let moment else { return giveUp(at: now) }
            var wait = max(.zero, moment.since(now))
            // Somebody else's probe may succeed before.
            if tracks[soonest].isLastResort, patienceLeft > .milliseconds(50) {
                wait = min(wait, patienceLeft)
            }
            if let step = waitFor(soonest, wait, at: now) { return step }
            return giveUp(at: now)
        }

        private mutating func standBy(_ pause: Plan.StandBy, at now: Instant) -> Step {
            guard attempts < bounds.retry.maximumAttempts, mayWait(max(pause.step, pause.wait), at: now)
            else { return giveUp(at: now) }
            waited += pause.step
            return .standBy(pause.step)
        }

        private mutating func waitFor(_ index: Int, _ wait: Duration, at now: Instant) -> Step? {
            guard attempts < bounds.retry.maximumAttempts, mayWait(wait, at: now) else { return nil }
            pause = (now, wait)
            pending = index
            return .wait(wait, then: index)
        }

        private func mayWait(_ wait: Duration, at now: Instant) -> Bool {
            waited + wait <= bounds.retry.patience && now.advanced(by: wait) < bounds.deadline
        }

        /// Whether the candidate that waits was asked before, so that its budget must allow the retry. Who waits for its
        /// breaker's probes, which are rare, may have to wait many times for one attempt.
        public var pendingIsRetry: Bool {
            pending.map { tracks[$0].wasAsked && !tracks[$0].isLastResort } ?? false
        }

        // MARK: Giving up

        private func giveUp(at now: Instant) -> Step {
            if let interruption { return .interrupt(interruption) }
            let again = tracks.filter { !$0.isOut && $0.isAwaited }.compactMap(\.againAt).min().map {
                max(.zero, $0.since(now))
            }
            if let firstFailure {
                let isTriedOut = isBudgetSpent || waited * 5 >= bounds.retry.patience * 4 && waited > .zero
                return .fail(.attemptsFailed(firstFailure, retryAfter: again, isTriedOut: isTriedOut))
            }
            if now >= bounds.deadline { return .fail(.outOfTime) }
            return .fail(.nobodyAvailable(refusals, retryAfter: again))
        }
    }
}
