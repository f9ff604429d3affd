public import Resilience

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Orders the targets of a route by the index, and decides when to probe, to stand by and to force. A decision: no clock,
/// lock or task. Times are seconds on one clock.
public struct AdaptiveSelection: Sendable {
    /// Whether a target may be asked.
    public enum Gate: Sendable, Hashable {
        /// Like any other.
        case open
        /// As a probe of its breaker.
        case probe
        /// Not now: its breaker is open.
        case shut
        /// Not for so many seconds, whatever its breaker says: it asked to be left alone, or does not accept its key.
        case away(seconds: Double)

        /// Whether only its breaker keeps requests away.
        var isGuarded: Bool { self == .probe || self == .shut }

        /// Whether it is not to be asked for a time.
        var isAway: Bool { if case .away = self { true } else { false } }
    }

    /// A candidate and what is known of it for one request.
    public struct Standing: Sendable, Hashable {
        /// Its assessment.
        public var assessment: Assessment
        /// Whether its breaker lets requests through.
        public var gate: Gate
        /// Whether its quality is below the least that is wanted.
        public var isLow: Bool
        /// Whether its price is above the most that is allowed, so that it is not asked whatever happens.
        public var isTooDear = false
        /// How often this request has asked it.
        public var timesAsked: Int
        /// What it is ordered by: more is better.
        public var worth: Double
        /// Whether it is asked first only to learn how it is.
        public var isExplored = false

        /// Whether it can be asked like any other.
        public var isEligible: Bool { assessment.hasRoom && gate == .open && !isTooDear }

        /// Creates a standing.
        ///
        /// - Parameter worth: Default: the assessment's index.
        public init(
            _ assessment: Assessment, gate: Gate, isLow: Bool, timesAsked: Int, worth: Double? = nil
        ) {
            self.assessment = assessment
            self.gate = gate
            self.isLow = isLow
            self.timesAsked = timesAsked
            self.worth = worth ?? assessment.total
        }
    }

    /// How far a request is.
    public struct Situation: Sendable, Hashable {
        /// Seconds until it must be answered.
        public var timeLeft: Double
        /// Seconds that it had in all.
        public var time: Double
        /// The attempts that were made.
        public var attempts: Int
        /// The attempts that failed.
        public var failures: Int
        /// The most attempts that it may cost.
        public var maximumAttempts: Int
        /// Whether a target may be asked first only to learn how it is, with another one beside it when it is slow.
        public var mayExplore: Bool

        /// Creates a situation.
        public init(
            timeLeft: Double, time: Double, attempts: Int, failures: Int, maximumAttempts: Int,
            mayExplore: Bool = false
        ) {
            self.timeLeft = timeLeft
            self.time = time
            self.attempts = attempts
            self.failures = failures
            self.maximumAttempts = maximumAttempts
            self.mayExplore = mayExplore
        }
    }

    private enum Budget {
        static let retriesPerRequest = 0.25, mostRetries = 50.0
        static let hedgesPerAttempt = 0.06, mostHedges = 20.0
    }

    /// Retries that may still be made; the first one of a request always may.
    private var retries = 20.0
    /// Hedges that may still be made.
    private var hedges = 5.0
    /// When a target was last asked because nobody else was there.
    private var lastForced: [Double]
    private var panickedAt = -1e9
    private var quota = ExplorationQuota()

    /// Creates a selection among so many candidates.
    public init(candidates: Int) {
        lastForced = Array(repeating: -1e9, count: candidates)
    }

    /// Whom to ask now. Takes time in proportion to the candidates, and to sort them.
    public mutating func plan(
        _ standings: [Standing], _ situation: Situation, at seconds: Double
    ) -> Plan {
        guard situation.timeLeft >= 0.3 else { return .givingUp }
        let isLast = situation.attempts >= situation.maximumAttempts - 1
        // Waiting costs nobody anything; only when little time is left the least bad is better than nothing.
        let mayWait = situation.timeLeft > min(8, situation.time * 0.27)
        let mayProbe = situation.failures == 0 && situation.timeLeft > min(20, situation.time * 2 / 3)
        let order = ordered(standings, mayProbe: mayProbe)
        guard order.contains(where: { standings[$0].timesAsked < 2 }) else {
            return panic(standings, isLast: isLast, at: seconds)
                ?? (mayWait
                    ? Plan([], standBy: standBy(standings, at: seconds)) : force(standings, isLast: isLast))
        }
        let standBy = mayWait ? Self.usualStandBy : nil
        guard situation.failures <= 1 || retries >= 1 || !mayWait else { return Plan([], standBy: standBy) }
        var plan = Plan(choices(order, standings, isLast: isLast), standBy: standBy)
        if situation.mayExplore, situation.attempts == 0, situation.timeLeft > 20,
            let index = quota.pick(order, standings)
        {
            explore(index, standings[index], &plan)
        }
        return plan
    }

    /// Puts a candidate first only to learn how it is. The hedge beside it is paid for.
    private mutating func explore(_ index: Int, _ standing: Standing, _ plan: inout Plan) {
        hedges += 1
        var choice = choice(index, standing, isLast: false)
        hurry(&choice)
        choice.isExploration = true
        plan.order.removeAll { $0.candidate == index }
        plan.order.insert(choice, at: 0)
    }

    /// Whom to ask beside `candidate`, which is slow to begin its answer; nil if that is not worth it.
    public mutating func hedge(_ standings: [Standing], beside candidate: Int) -> Plan? {
        let isProbe = standings[candidate].gate != .open
        guard isProbe || hedges >= 1 else { return nil }
        let order = ordered(standings, mayProbe: false).filter {
            $0 != candidate && standings[$0].timesAsked == 0 && !standings[$0].isLow
        }
        guard !order.isEmpty else { return nil }
        hedges -= 1
        return Plan(choices(order, standings, isLast: false))
    }

    /// An attempt was made.
    ///
    /// - Parameter isRetry: Whether the request has failed before.
    public mutating func began(isRetry: Bool) {
        hedges = min(Budget.mostHedges, hedges + Budget.hedgesPerAttempt)
        retries = isRetry ? max(0, retries - 1) : min(Budget.mostRetries, retries + Budget.retriesPerRequest)
    }

    /// A target that was left alone has answered.
    ///
    /// - Returns: Whether it was asked because nobody else was there, so that all others should be tried again at once.
    public func endsPanic(at seconds: Double) -> Bool { seconds - panickedAt < 10 }

    // MARK: Who can be asked

    /// Those who can be asked like any other, the best first; those of low quality last.
    private func ordered(_ standings: [Standing], mayProbe: Bool) -> [Int] {
        var ready: [(worth: Double, index: Int)] = []
        ready.reserveCapacity(standings.count)
        for index in standings.indices {
            guard let worth = standings[index].worth(mayProbe: mayProbe) else { continue }
            // So far below all others that only another of low quality is lower.
            ready.append((standings[index].isLow ? worth - 1e6 : worth, index))
        }
        ready.sort { $0.worth > $1.worth }
        return ready.map(\.index)
    }

    /// The limits are worked out for those who are likely to be asked before there is another plan.
    private func choices(_ order: [Int], _ standings: [Standing], isLast: Bool) -> [Plan.Choice] {
        var choices: [Plan.Choice] = []
        choices.reserveCapacity(order.count)
        for index in order {
            choices.append(
                choices.count < 2 ? choice(index, standings[index], isLast: isLast) : Plan.Choice(index))
        }
        return choices
    }

    private func choice(_ index: Int, _ standing: Standing, isLast: Bool) -> Plan.Choice {
        var choice = Plan.Choice(index)
        choice.firstTokenSeconds = isLast ? .infinity : standing.assessment.firstTokenLimit
        choice.hedgeAfterSeconds = standing.assessment.hedgeAfter
        if standing.gate.isGuarded { hurry(&choice) }
        return choice
    }

    /// Does not let a request wait long for one that is asked to learn how it is.
    private func hurry(_ choice: inout Plan.Choice) {
        choice.firstTokenSeconds = min(choice.firstTokenSeconds, 4)
        choice.hedgeAfterSeconds = max(0.3, min(choice.hedgeAfterSeconds, 1))
    }

    // MARK: Nobody can be asked

    /// The longest time that a request waits before it looks again: what it waits for may come sooner than can be foreseen.
    private static let step = 0.2
    /// Made once, since a duration of seconds costs as much as a target.
    private static let usualStandBy = Plan.StandBy(step)

    private func standBy(_ standings: [Standing], at seconds: Double) -> Plan.StandBy? {
        let affordable = standings.indices.filter { !standings[$0].isTooDear }
        let waits = affordable.map { standings[$0].wait(forcedAgo: seconds - lastForced[$0]) }
        return waits.min().map { Plan.StandBy(min(Self.step, max(0.01, $0)), outOf: max(0, $0)) }
    }

    /// Nobody is let through: asks the one that would be best if it were well, each at most once a second, instead of
    /// waiting until their breakers have waited.
    private mutating func panic(_ standings: [Standing], isLast: Bool, at seconds: Double) -> Plan? {
        let gated = standings.indices.filter {
            standings[$0].gate.isGuarded && standings[$0].assessment.hasRoom && seconds - lastForced[$0] >= 1
                && !standings[$0].isTooDear
        }
        guard
            let best = gated.max(by: { standings[$0].assessment.whenWell < standings[$1].assessment.whenWell }
            )
        else { return nil }
        lastForced[best] = seconds
        panickedAt = seconds
        return forcing(best, standings, isLast: isLast)
    }

    /// Little time is left: asks the least bad, whatever its limit and its breaker say.
    private func force(_ standings: [Standing], isLast: Bool) -> Plan {
        let near = standings.indices.filter { !standings[$0].isTooDear && !standings[$0].gate.isAway }
        let possible = near.filter { !standings[$0].assessment.isBlocked && standings[$0].timesAsked < 2 }
        let best = (possible.isEmpty ? near : possible).max {
            standings[$0].assessment.total < standings[$1].assessment.total
        }
        return best.map { forcing($0, standings, isLast: isLast) } ?? .givingUp
    }

    private func forcing(_ index: Int, _ standings: [Standing], isLast: Bool) -> Plan {
        var choice = choice(index, standings[index], isLast: isLast)
        choice.isForced = true
        return Plan([choice])
    }
}

extension AdaptiveSelection.Standing {
    /// What it is worth to ask it now like any other; nil if it cannot be.
    @inline(__always)
    fileprivate func worth(mayProbe: Bool) -> Double? {
        guard assessment.hasRoom, !isTooDear else { return nil }
        switch gate {
        case .open: return worth
        // What a probe is worth is that it shows whether the target is well.
        case .probe: return mayProbe ? assessment.whenWell : nil
        case .shut, .away: return nil
        }
    }

    /// Seconds until it may be asked, as far as can be foreseen.
    ///
    /// - Parameter forcedAgo: Seconds since it was last asked because nobody else was there.
    fileprivate func wait(forcedAgo: Double) -> Double {
        switch gate {
        case .open: assessment.roomAfter
        case .probe, .shut: max(assessment.roomAfter, 1 - forcedAgo)
        case .away(let seconds): max(assessment.roomAfter, seconds)
        }
    }

    /// Sets what candidates are ordered by under `strategy`.
    ///
    /// - Parameter peakTime: The ``TargetEstimate/peakTime(of:at:)`` of a candidate; asked for only under `leastLatency`.
    public static func weigh(
        _ standings: inout [Self], by strategy: Strategy, chance: inout Chance, peakTime: (Int) -> Double
    ) {
        switch strategy {
        case .adaptive, .priority, .roundRobin, .weighted: break
        case .cheapest:
            for index in standings.indices { standings[index].worth = -standings[index].assessment.dollars }
        case .thompson:
            for index in standings.indices {
                let terms = standings[index].assessment
                standings[index].worth = terms.success + terms.noise / Temperature.success
            }
        case .upperBound:
            let seen = standings.reduce(2) { $0 + $1.assessment.evidence }
            for index in standings.indices {
                let terms = standings[index].assessment
                standings[index].worth =
                    terms.success + 0.3 * (log(seen) / max(1, terms.evidence)).squareRoot()
            }
        case .leastLatency: weighByLatency(&standings, chance: &chance, peakTime)
        }
    }

    /// The better of two drawn by chance comes first, so that not all rush to the same one (M. Mitzenmacher: "The power of
    /// two choices in randomized load balancing", 2001), by the time of its latest peak times what it has to do (Finagle's
    /// Peak EWMA balancer).
    private static func weighByLatency(
        _ standings: inout [Self], chance: inout Chance, _ peakTime: (Int) -> Double
    ) {
        for index in standings.indices {
            standings[index].worth = -peakTime(index) * Double(standings[index].assessment.pending + 1)
        }
        let open = standings.indices.filter {
            standings[$0].gate == .open && standings[$0].assessment.hasRoom
        }
        guard open.count > 2 else { return }
        let one = Int(chance.next() % UInt64(open.count))
        let other = (one + 1 + Int(chance.next() % UInt64(open.count - 1))) % open.count
        let (first, second) = (open[one], open[other])
        let best = standings[first].worth >= standings[second].worth ? first : second
        standings[best].worth = abs(standings[best].worth)
    }
}

extension Plan {
    /// Nobody is asked any more.
    static var givingUp: Plan {
        var plan = Plan([])
        plan.givesUp = true
        return plan
    }
}
