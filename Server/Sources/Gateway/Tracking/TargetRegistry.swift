public import Generation
public import Resilience
public import Routing
import Synchronization

/// All that is known about targets, by their identity. What a new configuration names again, it finds again.
public final class TargetRegistry: Sendable {
    /// What the state of a target is made from the first time it is named.
    public struct Settings: Sendable, Hashable {
        /// When to keep requests away. Failures in a row count only where another target could be asked, or the target
        /// was not reached or asks for a while.
        public var breaker: CircuitBreakerPolicy
        /// How many calls at a time; nil for any number.
        public var bulkhead: BulkheadPolicy?
        /// The requests that the provider allows, if that is known.
        public var limit: RateLimit?
        /// The requests that it allows in a day, if that is known.
        public var quota: DailyQuota.Terms?
        /// Whether its metrics go by its own name. Default: true; false for names that callers made up beyond a bound.
        public var isMeasured = true

        /// Creates policies.
        public init(
            breaker: CircuitBreakerPolicy, bulkhead: BulkheadPolicy?, limit: RateLimit? = nil,
            quota: DailyQuota.Terms? = nil
        ) {
            self.breaker = breaker
            self.bulkhead = bulkhead
            self.limit = limit
            self.quota = quota
        }
    }

    /// The most targets that are kept although no route holds them.
    static let mostTargets = 4096

    private struct State {
        var healths: [TargetIdentity: (health: TargetHealth, settings: Settings)] = [:]
        var bulkheads: [String: (bulkhead: Bulkhead, policy: BulkheadPolicy)] = [:]
        var budgets: [String: RetryBudget] = [:]
        var chance: Chance
    }

    private let state: Mutex<State>
    private let time: TimeSource
    /// What was learned of targets before; nil for nothing.
    private let records: TargetRecords?
    private let onEvent: @Sendable (CircuitBreakerEvent) -> Void
    private let onCooldown: @Sendable (CooldownEvent) -> Void

    /// Creates an empty registry.
    ///
    /// - Parameters:
    ///   - records: What was learned of targets before, with which those that are new here go on; told about each change of a
    ///     breaker's state; nil for nothing.
    ///   - onEvent: Told about each change of a breaker's state.
    ///   - onCooldown: Told when a target is left alone for another reason than its breaker.
    public init(
        time: TimeSource, chance: Chance, records: TargetRecords? = nil,
        onEvent: @escaping @Sendable (CircuitBreakerEvent) -> Void,
        onCooldown: @escaping @Sendable (CooldownEvent) -> Void
    ) {
        self.time = time
        self.records = records
        self.onEvent = onEvent
        self.onCooldown = onCooldown
        state = Mutex(State(chance: chance))
    }

    /// The state of a target, made if it is new. Under changed settings the breaker and the places go on with what they
    /// know: the calls that run count on.
    public func health(of identity: TargetIdentity, label: String, credential: String, settings: Settings)
        -> TargetHealth
    {
        let (health, isChanged) = state.withLock { state in
            let known = state.healths[identity]
            if let known, known.settings == settings {
                known.health.trustKeyAgain()
                return (known.health, false)
            }
            Self.makeRoom(&state)
            let breaker = breaker(of: identity, label, settings.breaker.withoutRuns, known?.health, &state)
            let health = TargetHealth(
                identity, label: label, credential: credential, breaker: breaker,
                budget: budget(of: identity, &state),
                bulkhead: bulkhead(of: identity.provider, settings.bulkhead, &state),
                pace: known?.health.pace ?? Pace(), estimate: estimate(of: identity, settings, known),
                quota: quota(of: identity, settings.quota, known?.health.quota),
                consecutiveFailures: settings.breaker.consecutiveFailures, goingOnFrom: known?.health,
                onCooldown: onCooldown)
            if let known, let cooling = known.health.cooling(at: time.now), cooling.kind != .authentication {
                health.resumeCooling(for: cooling.time, because: cooling.kind, at: time.now)
            }
            state.healths[identity] = (health, settings)
            return (health, true)
        }
        // Outside the lock, since it may report a change of state.
        if isChanged { health.breaker.reconfigure(settings.breaker.withoutRuns) }
        return health
    }

    /// Forgets targets that no configuration names any more.
    public func keep(only identities: Set<TargetIdentity>) {
        state.withLock { Self.keep(only: identities, &$0) }
    }

    private static func keep(only identities: Set<TargetIdentity>, _ state: inout State) {
        state.healths = state.healths.filter { identities.contains($0.key) }
        let providers = Set(identities.map(\.provider)), budgets = Set(identities.map(\.name))
        state.bulkheads = state.bulkheads.filter { providers.contains($0.key) }
        state.budgets = state.budgets.filter { budgets.contains($0.key) }
    }

    /// Callers may name models that no configuration does: when there are too many, those that no route holds any more are
    /// forgotten.
    private static func makeRoom(_ state: inout State) {
        guard state.healths.count >= mostTargets else { return }
        for identity in Array(state.healths.keys) {
            guard var known = state.healths.removeValue(forKey: identity) else { continue }
            if !isKnownUniquelyReferenced(&known.health) { state.healths[identity] = known }
        }
        keep(only: Set(state.healths.keys), &state)
    }

    /// All targets, in the order of their labels.
    public var all: [TargetHealth] { all { _ in true } }

    /// Those whose metrics go by their own name, in the order of their labels.
    public var measured: [TargetHealth] { all(where: \.isMeasured) }

    private func all(where isWanted: (Settings) -> Bool) -> [TargetHealth] {
        state.withLock { $0.healths.values.filter { isWanted($0.settings) }.map(\.health) }
            .sorted { $0.label < $1.label }
    }

    private func breaker(
        of identity: TargetIdentity, _ label: String, _ policy: CircuitBreakerPolicy, _ known: TargetHealth?,
        _ state: inout State
    ) -> CircuitBreaker {
        if let known, known.label == label { return known.breaker }
        // The event has the breaker's name alone, which another key may have after the next reload.
        let breaker = CircuitBreaker(
            label, policy: policy, time: time, chance: Chance(seed: state.chance.next())
        ) { [records, onEvent] event in
            records?.note(event, of: identity)
            onEvent(event)
        }
        if let memory = known?.breaker.memory { breaker.restore(memory) }
        return breaker
    }

    /// What was learned stays; under another limit, not what was left of the one before.
    private func estimate(
        of identity: TargetIdentity, _ settings: Settings,
        _ known: (health: TargetHealth, settings: Settings)?
    ) -> TargetEstimate {
        guard let known else {
            var estimate = TargetEstimate(limit: settings.limit)
            records?.recall(&estimate, of: identity)
            return estimate
        }
        var estimate = known.health.estimate.withLock { $0.settled }
        if known.settings.limit != settings.limit { estimate.reconfigure(settings.limit) }
        return estimate
    }

    /// What was used stays, whatever the terms.
    private func quota(of identity: TargetIdentity, _ terms: DailyQuota.Terms?, _ known: QuotaMeter?)
        -> QuotaMeter?
    {
        guard let terms, let records else { return nil }
        guard let known else { return records.meter(terms, of: identity) }
        known.reconfigure(terms, at: time.now)
        return known
    }

    private func budget(of identity: TargetIdentity, _ state: inout State) -> RetryBudget {
        let key = identity.name
        if let budget = state.budgets[key] { return budget }
        let budget = RetryBudget(RetryBudget.Policy(ratio: 0.2, minimumPerSecond: 3), time: time)
        state.budgets[key] = budget
        return budget
    }

    private func bulkhead(of provider: String, _ policy: BulkheadPolicy?, _ state: inout State) -> Bulkhead? {
        guard let policy else { return nil }
        if let known = state.bulkheads[provider] {
            if known.policy != policy { known.bulkhead.reconfigure(policy) }
            state.bulkheads[provider] = (known.bulkhead, policy)
            return known.bulkhead
        }
        let bulkhead = Bulkhead(provider, policy: policy, time: time)
        state.bulkheads[provider] = (bulkhead, policy)
        return bulkhead
    }
}
