extension CircuitBreaker {
    /// The decisions of a circuit breaker; no clock, lock, task or callback.
    ///
    /// Every change of state begins a new generation, and so does every interval of a window that has them. A ticket of
    /// an earlier generation is late: its result is counted as late and changes nothing, so that a slow call from
    /// before an opening can neither close nor reopen the breaker.
    struct StateMachine: Sendable {
        struct Probe: Hashable {
            let id: UInt64
            let since: Instant
        }

        enum Phase: Hashable {
            case closed(since: Instant)
            case open(until: Instant, for: Duration)
            case halfOpen(since: Instant, openedFor: Duration)
            /// Lets a growing share of calls pass; half-open to others.
            case ramping(since: Instant, stage: Int, openedFor: Duration)
            case isolated
            case disabled
        }

        var policy: CircuitBreakerPolicy { didSet { derive() } }
        /// Whether a rule of the policy holds although nothing failed, as a rate of zero does.
        private var tripsAlways = false
        /// Whether a closed breaker's results can be counted without knowing the time or how long they took.
        private(set) var countsUntimed = false
        /// Whether something is learned from the results of a closed breaker.
        private var learns = false
        var chance: Chance
        var phase: Phase { didSet { renewGate() } }
        var window: CallWindow
        /// The failure rate to open at; nil where it is fixed.
        var adaptive: AdaptiveThreshold?
        /// The duration above which calls are slow; nil where it is fixed.
        var slowness: SlowCallThreshold?
        private(set) var generation: UInt64 = 0
        var probes: [Probe] = []
        var probesGiven: UInt64 = 0
        var tally = CallWindow.Counts()
        var consecutiveSuccesses = 0
        var consecutiveFailures = 0
        var openings = 0
        /// The holds by hand that are not given back.
        var holds = 0
        /// Begins anew when all holds are ended at once, so that their handles end no later ones.
        var holdEpoch: UInt64 = 0
        /// Whether it only watches, as set by hand; nil for as the policy says.
        var shadowByHand: Bool?
        /// What a call has to know before it begins, in one word: see ``Gate``.
        private(set) var gate: UInt64 = 0
        /// What the trip rule or verdict saw when the breaker last opened.
        var countsAtOpening = CallWindow.Counts()
        /// Calls rejected since the last change of state.
        var rejected = 0
        /// Results that came too late to count, in all.
        var late = 0
        /// When it last opened or let a probe through.
        var probedOrOpenedAt: Instant?
        /// Until when the opening lasts that an early probe has interrupted.
        var interruptedUntil: Instant?
        /// Until when the server asked to be left alone.
        var wishedUntil: Instant?

        init(_ policy: CircuitBreakerPolicy, chance: Chance, at now: Instant) {
            self.policy = policy
            self.chance = chance
            phase = .closed(since: now)
            window = CallWindow(policy.window, at: now)
            adaptive = policy.adaptiveRate.map { AdaptiveThreshold($0, at: now) }
            slowness = policy.adaptiveSlowCall.map {
                SlowCallThreshold($0, fixed: policy.slowCallDuration, at: now)
            }
            derive()
        }

        /// Works out what is asked for every call.
        private mutating func derive() {
            tripsAlways =
                [policy.failureRate, policy.slowCallRate].contains { $0.map { $0 <= 0 } ?? false }
                || [policy.failureCount, policy.consecutiveFailures].contains { $0.map { $0 <= 0 } ?? false }
            learns = policy.adaptiveRate != nil || policy.adaptiveSlowCall != nil
            countsUntimed =
                !policy.timesCalls && !policy.window.dependsOnTime && policy.adaptiveRate == nil
            renewGate()
        }

        /// Whether it refuses no call, but for holds by hand.
        var isShadow: Bool { shadowByHand ?? policy.shadow }

        /// The duration above which calls are slow now.
        var slowLimit: Duration? { slowness?.limit ?? policy.slowCallDuration }

        /// The state as it was after the last call; ``advance(at:)`` brings it up to date.
        var state: State {
            switch phase {
            case .closed: .closed
            case .open: .open
            case .halfOpen, .ramping: .halfOpen
            case .isolated: .isolated
            case .disabled: .disabled
            }
        }

        // MARK: Calls

        private mutating func renewGate() {
            gate = generation << Gate.bits
            switch phase {
            case .closed: if policy.window.isResetByTime { gate |= Gate.asks }
            case .disabled: break
            case .open, .halfOpen, .ramping, .isolated: gate |= Gate.asks
            }
            if policy.timesCalls { gate |= Gate.timed }
            if countsUntimed { gate |= Gate.countedUntimed }
        }

        /// Until when every call is refused; nil when the breaker is not open or lets them pass all the same.
        var openUntil: Instant? {
            if case .open(let until, _) = phase, !isShadow { return until }
            return nil
        }

        /// Asks to let one call through.
        mutating func admit(at now: Instant) -> (Admission, Transition?) {
            let transition = advance(at: now)
            switch phase {
            case .closed, .disabled:
                return (.admitted(Ticket(generation: generation, probe: nil)), transition)
            case .isolated:
                return (refuse(.isolated, nil), transition)
            case .open(let until, _):
                return (refuse(.circuitOpen, until.since(now)), transition)
            case .ramping(let since, let stage, _): return (admitRamping(since, stage, at: now), transition)
            case .halfOpen(let since, let openedFor):
                return (admitHalfOpen(since, openedFor, at: now), transition)
            }
        }

        /// Settles a ticket of a closed breaker without knowing the time, which a count window does not need.
        ///
        /// - Returns: Nil if the time is needed after all and nothing was recorded; else whether a trip rule now
        ///   holds, in which case ``open(tripping:at:)`` must follow.
        mutating func recordUntimed(_ outcome: Outcome, of ticket: Ticket) -> Bool? {
            guard case .closed = phase, ticket.generation == generation, countsUntimed else { return nil }
            return count(Result(outcome, took: nil, slowAbove: nil), took: nil, at: Instant())
        }

        /// ``recordUntimed(_:of:)`` for a success.
        mutating func recordUntimedSuccess(of ticket: Ticket) -> Bool? {
            guard case .closed = phase, ticket.generation == generation, countsUntimed else { return nil }
            window.add(failed: false, slow: false, at: Instant())
            consecutiveFailures = 0
            return trips(window.counts)
        }

        /// Whether another success that is not slow would leave everything as it is.
        var isSpotless: Bool {
            guard window.isSpotless, !tripsAlways, case .closed = phase else { return false }
            return consecutiveFailures == 0 && adaptive == nil && slowness == nil
        }

        /// Opens a closed breaker whose trip rule was seen to hold, if no one else has meanwhile.
        mutating func open(tripping ticket: Ticket, retryAfter: Duration?, at now: Instant) -> Transition? {
            guard case .closed = phase, ticket.generation == generation, trips(window.counts) else {
                return nil
            }
            return open(window.counts, retryAfter: retryAfter, at: now)
        }

        /// Settles a ticket.
        ///
        /// - Parameter took: How long the call ran; nil when calls are not timed.
        mutating func record(_ outcome: Outcome, of ticket: Ticket, took: Duration? = nil, at now: Instant)
            -> Transition?
        {
            guard ticket.generation == generation else {
                if ticket == .unwatched { return nil }
                late += 1
                lengthen(by: outcome.retryAfter, at: now)
                return nil
            }
            // Time may have ended what the call was admitted in.
            let transition = advance(at: now)
            guard ticket.generation == generation else {
                late += 1
                return transition
            }
            switch phase {
            case .closed: return recordClosed(outcome, took: took, at: now)
            case .ramping: return recordRamping(outcome, took: took, at: now)
            case .halfOpen: return recordProbe(outcome, of: ticket, took: took, at: now)
            case .open, .isolated, .disabled: return nil
            }
        }

        // MARK: Time

        /// Makes the changes that only time makes: open to half-open, probes that are lost, stages of a ramp, and calls
        /// that leave the window.
        mutating func advance(at now: Instant) -> Transition? {
            switch phase {
            case .open(let until, let openedFor):
                guard now >= until else { return nil }
                return enter(.halfOpen(since: now, openedFor: openedFor), at: now)
            case .halfOpen(_, let openedFor):
                expireProbes(openedFor, at: now)
                return nil
            case .closed:
                if window.expire(at: now) {
                    generation &+= 1
                    renewGate()
                }
                return nil
            case .ramping(let since, let stage, let openedFor):
                return advanceRamp(since, stage, openedFor, at: now)
            case .isolated, .disabled:
                return nil
            }
        }

        // MARK: What it shows

        /// What the present state judges by: the window, the probes' results, or what caused the opening.
        var counts: CallWindow.Counts {
            switch phase {
            case .closed: window.counts
            case .halfOpen, .ramping: tally
            case .open: countsAtOpening
            case .isolated, .disabled: CallWindow.Counts()
            }
        }

        /// The time until an open breaker lets a probe through; zero in every other state.
        func remainingOpen(at now: Instant) -> Duration {
            guard case .open(let until, _) = phase else { return .zero }
            return max(.zero, until.since(now))
        }

        // MARK: Results

        private mutating func recordClosed(_ outcome: Outcome, took: Duration?, at now: Instant)
            -> Transition?
        {
            let result = Result(outcome, took: took, slowAbove: slowLimit)
            guard count(result, took: took, at: now) else { return nil }
            return open(window.counts, retryAfter: result?.retryAfter, at: now)
        }

        /// Kept apart from ``count(_:took:at:)``, where it made every call copy what is learned.
        @inline(never)
        private mutating func learn(_ result: Result, took: Duration?, at now: Instant) {
            adaptive?.note(failed: result.failed, at: now)
            if let took, !result.failed { slowness?.note(took, at: now) }
        }

        /// Counts a result of a closed breaker and says whether a trip rule holds.
        private mutating func count(_ result: Result?, took: Duration?, at now: Instant) -> Bool {
            guard let result else {
                window.addIgnored()
                return false
            }
            window.add(failed: result.failed, slow: result.slow, at: now)
            if learns { learn(result, took: took, at: now) }
            consecutiveFailures = result.failed ? consecutiveFailures &+ 1 : 0
            return trips(window.counts)
        }

        struct Result {
            let failed: Bool
            let slow: Bool
            let retryAfter: Duration?

            init?(_ outcome: Outcome, took: Duration?, slowAbove limit: Duration?) {
                switch outcome {
                case .success: (failed, retryAfter) = (false, nil)
                case .failure(let wait): (failed, retryAfter) = (true, wait)
                case .ignored: return nil
                }
                if let took, let limit { slow = took > limit } else { slow = false }
            }
        }

        /// Changes nothing; it is mutating so that it is called without copying the machine.
        private mutating func trips(_ counts: CallWindow.Counts) -> Bool {
            // Neither failures nor slow calls: the usual case, and no rule can hold.
            if counts.failures | counts.slow == 0, !tripsAlways { return false }
            if let limit = policy.consecutiveFailures, consecutiveFailures >= limit { return true }
            if let limit = policy.failureCount, counts.failures >= limit { return true }
            return counts.calls >= max(1, policy.judgedCalls) && ratesReached(counts)
        }

        /// Changes nothing either.
        mutating func ratesReached(_ counts: CallWindow.Counts) -> Bool {
            let calls = Double(counts.calls)
            let limit = adaptive?.rate(for: counts.calls) ?? policy.failureRate
            if let limit, Double(counts.failures) / calls >= limit { return true }
            if let rate = policy.slowCallRate, Double(counts.slow) / calls >= rate { return true }
            return false
        }

        // MARK: Transitions

        mutating func close(at now: Instant) -> Transition {
            if policy.open.decay == nil { openings = 0 }
            return enter(.closed(since: now), at: now)
        }

        /// Begins a new generation in another phase of the same state, of which nobody is told.
        mutating func restart(as next: Phase) {
            generation &+= 1
            phase = next
            probes.removeAll(keepingCapacity: true)
            interruptedUntil = nil
            tally = CallWindow.Counts()
            consecutiveSuccesses = 0
        }

        mutating func enter(_ next: Phase, seen: CallWindow.Counts? = nil, at now: Instant)
            -> Transition
        {
            let before = state, counts = seen ?? counts
            restart(as: next)
            consecutiveFailures = 0
            rejected = 0
            window.clear(at: now)
            var openFor: Duration?
            if case .open(_, let duration) = next { openFor = duration }
            return Transition(
                from: before, to: state, openFor: openFor, openings: openings, counts: counts,
                shadow: isShadow)
        }

        mutating func refuse(_ reason: Rejection.Reason, _ wait: Duration?) -> Admission {
            rejected &+= 1
            if isShadow, reason != .isolated { return .admitted(.unwatched) }
            return .refused(reason, retryAfter: wait)
        }
    }
}
