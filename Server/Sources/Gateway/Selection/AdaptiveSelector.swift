import Generation
public import Resilience
public import Routing
import Synchronization

/// Chooses by what is learned of the targets: the shell of ``Routing/AdaptiveSelection``. The gateway and the simulator
/// use the same.
public final class AdaptiveSelector: Sendable {
    /// A candidate and what is known of it without asking it.
    public struct Candidate: Sendable {
        /// What is learned of it.
        public let health: TargetHealth
        /// Prices, quality, limits.
        public let facts: TargetFacts

        /// Creates a candidate.
        public init(_ health: TargetHealth, _ facts: TargetFacts) {
            self.health = health
            self.facts = facts
        }
    }

    /// How far a request is, for ``plan(for:_:timesAsked:weights:at:)``.
    public typealias Situation = AdaptiveSelection.Situation

    /// The candidates.
    public let candidates: [Candidate]
    /// What they are ordered by.
    public let strategy: Strategy
    private let state: Mutex<(selection: AdaptiveSelection, chance: Chance)>

    /// Creates a selector.
    ///
    /// - Parameter chance: What explores. Equal chances choose equally.
    public init(_ candidates: [Candidate], by strategy: Strategy = .adaptive, chance: Chance) {
        self.candidates = candidates
        self.strategy = strategy
        state = Mutex((AdaptiveSelection(candidates: candidates.count), chance))
    }

    /// A plan and what it comes from.
    public struct Ranking: Sendable {
        /// Whom to ask now.
        public var plan: Plan
        /// Where each candidate stands.
        public var standings: [AdaptiveSelection.Standing]
        /// What chance began with. From it and what was known, the same noise and the same order come again.
        public let seed: UInt64
    }

    /// Whom to ask now.
    ///
    /// - Parameter timesAsked: How often the request has asked the candidate of an index.
    public func plan(
        for shape: RequestShape, _ situation: Situation, weights: AdaptiveWeights, at now: Instant,
        timesAsked: (Int) -> Int
    ) -> Ranking {
        let seconds = now.seconds, seed = state.withLock { $0.chance.next() }
        var standings = standings(
            shape, weights, timeLeft: situation.timeLeft, Chance(seed: seed), at: now, timesAsked)
        let plan = state.withLock { $0.selection.plan(standings, situation, at: seconds) }
        if let explored = plan.explored { standings[explored].isExplored = true }
        return Ranking(plan: plan, standings: standings, seed: seed)
    }

    /// Whom ``plan(for:_:weights:at:timesAsked:)`` would want asked, without anybody being asked: no budget is used and
    /// nothing is remembered.
    func preview(
        for shape: RequestShape, _ situation: Situation, weights: AdaptiveWeights, at now: Instant
    ) -> Plan {
        var (selection, chance) = state.withLock { ($0.selection, Chance(seed: $0.chance.next())) }
        let standings = standings(shape, weights, timeLeft: situation.timeLeft, chance, at: now) { _ in 0 }
        return selection.plan(standings, situation, at: now.seconds)
    }

    /// Whom to ask beside the candidate of that index; nil for nobody.
    public func hedge(
        beside index: Int, for shape: RequestShape, timeLeft: Duration, weights: AdaptiveWeights,
        at now: Instant,
        timesAsked: (Int) -> Int
    ) -> Plan? {
        let chance = state.withLock { Chance(seed: $0.chance.next()) }
        let standings = standings(
            shape, weights, timeLeft: timeLeft.inSeconds, chance, at: now, timesAsked)
        return state.withLock { $0.selection.hedge(standings, beside: index) }
    }

    /// An attempt was made.
    ///
    /// - Parameter isRetry: Whether the request has failed before.
    public func began(isRetry: Bool) { state.withLock { $0.selection.began(isRetry: isRetry) } }

    /// A probe has been answered: closes its breaker and lets all others be tried if it was asked because nobody else was
    /// there, and forgets the target's failing if its breaker is closed.
    public func probeSucceeded(at index: Int, at now: Instant) {
        let health = candidates[index].health
        if state.withLock({ $0.selection.endsPanic(at: now.seconds) }) {
            for other in candidates where other.health.breaker.readiness == .rejecting {
                other.health.breaker.halfOpen()
            }
            health.breaker.close()
        }
        if health.breaker.readiness == .ready { health.noteRecovery() }
    }

    /// Why nobody can be asked, by the candidates, as far as they cannot.
    func refusals(at now: Instant) -> [TargetHealth.Refusal] {
        candidates.compactMap { $0.health.refusal(at: now) }
    }

    private func standings(
        _ shape: RequestShape, _ weights: AdaptiveWeights, timeLeft: Double, _ chance: Chance,
        at now: Instant,
        _ timesAsked: (Int) -> Int
    ) -> [AdaptiveSelection.Standing] {
        let seconds = now.seconds
        var noise: Chance? = chance
        var standings: [AdaptiveSelection.Standing] = []
        standings.reserveCapacity(candidates.count)
        for index in candidates.indices {
            let health = candidates[index].health
            let assessment = health.assess(
                shape, candidates[index].facts, weights, timeLeft: timeLeft, chance: &noise, at: seconds)
            standings.append(
                AdaptiveSelection.Standing(
                    assessment, gate: health.gate(at: now),
                    isLow: candidates[index].facts.quality < weights.minimumQuality,
                    timesAsked: timesAsked(index)))
        }
        if weights.maximumCost.isFinite {
            for index in standings.indices {
                standings[index].isTooDear = standings[index].assessment.dollars > weights.maximumCost
            }
        }
        guard strategy != .adaptive else { return standings }
        var chance = noise ?? chance
        AdaptiveSelection.Standing.weigh(&standings, by: strategy, chance: &chance) { index in
            candidates[index].health.estimate.withLock { $0.peakTime(of: shape.output, at: seconds) }
        }
        return standings
    }
}

extension TargetHealth {
    /// Why it cannot be asked, as far as strategies that learn know; nil if it can.
    fileprivate func refusal(at now: Instant) -> Refusal? {
        if let (time, kind) = cooling(at: now) { return .cooling(kind, retryAfter: time) }
        guard breaker.readiness == .ready else {
            return .breaker(retryAfter: breaker.snapshot.remainingOpen)
        }
        if let wait = quota?.wait(at: now.seconds), wait > 0 {
            return .cooling(.quotaExceeded, retryAfter: .seconds(min(wait, 1e6)))
        }
        let wait = estimate.withLock { $0.roomAfter(at: now.seconds) }
        return wait > 0 ? .cooling(.rateLimit, retryAfter: .seconds(min(wait, 1e6))) : nil
    }

    /// Whether its breaker lets a request through; one that must be left alone for another reason does not.
    fileprivate func gate(at now: Instant) -> AdaptiveSelection.Gate {
        if let (time, _) = cooling(at: now) { return .away(seconds: time.inSeconds) }
        switch breaker.readiness {
        case .ready: return .open
        case .probing: return .probe
        case .rejecting: return .shut
        }
    }
}
