public import Synchronization

/// Circuit breakers by key: one for each host, tenant or model, made when it is first asked for.
///
/// ```swift
/// let breakers = CircuitBreakerRegistry<String>(limit: 10_000)
/// let answer = try await breakers[host].run { try await ask(host) }
/// ```
///
/// A look-up takes one lock and one access to a dictionary. The number of breakers is bounded: for a new key the breaker
/// that was asked for the longest time ago leaves, of those that may. One may leave that nobody but the registry refers
/// to, so none of its calls is in flight and there are never two for a key, and that is closed; or whose open time is over,
/// if there is no closed one. A breaker that keeps calls away and one that something was set on by hand always stay. If
/// none may leave, the breaker of the new key is not kept: each look-up of that key gets another one, until there is room.
///
/// No more than 32 breakers are looked at for a new key, and the next look goes on where this one ended: of more than that,
/// the one that leaves is the best of those that were looked at.
public final class CircuitBreakerRegistry<Key: Hashable & Sendable>: Sendable {
    @usableFromInline let machine: Mutex<StateMachine>
    private let title: @Sendable (Key) -> String
    private let time: TimeSource
    private let onEvent: (@Sendable (Key, CircuitBreakerEvent) -> Void)?

    /// Creates an empty registry.
    ///
    /// - Parameters:
    ///   - standard: The policy of every key that has no own.
    ///   - own: The policies of single keys.
    ///   - limit: The most breakers to keep. Range: 1 or more. Default: 1000.
    ///   - title: The name of a key's breaker. Default: the key's description.
    ///   - onEvent: Called after each change of a breaker's state, outside all locks.
    public init(
        _ standard: CircuitBreakerPolicy = CircuitBreakerPolicy(), own: [Key: CircuitBreakerPolicy] = [:],
        limit: Int = 1000, time: TimeSource = TimeSource(), chance: Chance = .system(),
        title: @escaping @Sendable (Key) -> String = { "\($0)" },
        onEvent: (@Sendable (Key, CircuitBreakerEvent) -> Void)? = nil
    ) {
        Self.assertNoProblems(standard, own)
        self.title = title
        self.time = time
        self.onEvent = onEvent
        machine = Mutex(StateMachine(standard, own: own, limit: limit, chance: chance))
    }

    // MARK: Breakers

    /// The breaker of `key`, made if there is none.
    ///
    /// Costs one lock and one look into a dictionary; for a new key at worst a look at 32 other breakers.
    @inlinable
    public subscript(key: Key) -> CircuitBreaker {
        machine.withLock { $0.find(key) } ?? make(key)
    }

    @usableFromInline
    func make(_ key: Key) -> CircuitBreaker {
        let name = title(key), now = time.now
        return machine.withLock { machine in
            machine.find(key) ?? machine.insert(key, at: now) { make(name, key, $0, $1) }
        }
    }

    /// The breaker of `key` if there is one; asking does not count as a use.
    public func existing(_ key: Key) -> CircuitBreaker? {
        machine.withLock { $0.peek(key) }
    }

    /// All breakers that are kept, the one that was used last first.
    public var all: [(key: Key, breaker: CircuitBreaker)] {
        machine.withLock { $0.all }
    }

    /// How many breakers are kept.
    public var count: Int { machine.withLock { $0.count } }

    /// How many breakers were made to be kept, had to leave for another key, and could not be kept.
    public var turnover: (made: Int, left: Int, unkept: Int) {
        machine.withLock { ($0.made, $0.left, $0.unkept) }
    }

    /// How often a breaker was asked whether it may leave.
    var looks: Int { machine.withLock { $0.looks } }

    /// Forgets the breaker of `key`, whatever its state; who refers to it can go on using it.
    ///
    /// - Returns: The breaker, if there was one.
    @discardableResult
    public func remove(_ key: Key) -> CircuitBreaker? {
        machine.withLock { $0.remove(key) }
    }

    private func make(_ name: String, _ key: Key, _ policy: CircuitBreakerPolicy, _ chance: Chance)
        -> CircuitBreaker
    {
        guard let onEvent else { return CircuitBreaker(name, policy: policy, time: time, chance: chance) }
        return CircuitBreaker(name, policy: policy, time: time, chance: chance) { onEvent(key, $0) }
    }

    // MARK: Policies

    /// The policy of `key`: its own or the standard one.
    public func policy(of key: Key) -> CircuitBreakerPolicy {
        machine.withLock { $0.policy(of: key) }
    }

    /// Goes on under other policies, for all keys at once; every breaker keeps what it knows
    /// (``CircuitBreaker/reconfigure(_:)``).
    ///
    /// - Parameters:
    ///   - standard: The policy of every key that has no own.
    ///   - own: The policies of single keys; those that had one before and are not named lose it.
    ///   - limit: The most breakers to keep; nil for as many as before. A lower one takes effect as breakers may leave.
    public func reconfigure(
        _ standard: CircuitBreakerPolicy, own: [Key: CircuitBreakerPolicy] = [:], limit: Int? = nil
    ) {
        Self.assertNoProblems(standard, own)
        let now = time.now
        report(
            machine.withLock { machine in
                if let limit { machine.limit = max(1, limit) }
                machine.standard = standard
                machine.own = own
                machine.shrink(at: now)
                return machine.adopt()
            })
    }

    /// Gives `key` a policy of its own, or with nil the standard one again.
    public func reconfigure(_ key: Key, _ policy: CircuitBreakerPolicy?) {
        policy?.assertNoProblems(in: "the breaker of \(key)")
        report(
            machine.withLock { machine in
                machine.own[key] = policy
                return machine.adopt(only: key)
            })
    }

    private static func assertNoProblems(_ standard: CircuitBreakerPolicy, _ own: [Key: CircuitBreakerPolicy])
    {
        standard.assertNoProblems(in: "a registry of breakers")
        for (key, policy) in own { policy.assertNoProblems(in: "the breaker of \(key)") }
    }

    /// Changes are reported after the registry's lock is given back.
    private func report(_ changes: [StateMachine.Change]) {
        for (breaker, transitions) in changes {
            for transition in transitions { breaker.report(transition) }
        }
    }

    // MARK: Memory

    /// What all kept breakers remember, for a restart (``CircuitBreaker/memory``).
    public var memories: [Key: CircuitBreaker.Memory] {
        var memories: [Key: CircuitBreaker.Memory] = [:]
        for (key, breaker) in all { memories[key] = breaker.memory }
        return memories
    }

    /// Takes up where `memories` left off, as far as there is room.
    public func restore(_ memories: [Key: CircuitBreaker.Memory]) {
        for (key, memory) in memories { self[key].restore(memory) }
    }
}
