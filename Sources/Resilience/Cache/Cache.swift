public import Synchronization

/// Keeps what was loaded for a while, loads each key once at a time however many ask, and serves old values while it
/// loads anew or when loading fails.
///
/// ```swift
/// let cache = Cache<String, Model>(policy: CachePolicy(freshFor: .seconds(60), staleIfError: .seconds(3600)))
/// let model = try await cache.value(for: name) { name in try await fetchModel(name) }
/// ```
///
/// A load has a task of its own, so a cancelled caller takes nothing from the others who wait for it. It has the priority
/// of the most urgent of them, and the task-local values of none, unless the cache's spawner says otherwise. A load for
/// which nobody waits any more is cancelled, unless it refreshes an old value in the background. What stays when the cache is
/// full is decided by how often a key is asked for, not only by when (W-TinyLFU), so a scan does not empty it.
///
/// A value is a hit whatever it is: an empty text and a zero are values, and so is nil if `Value` is optional.
public final class Cache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// Loads the value of a key. It runs in a task of its own and should end when that is cancelled.
    public typealias Load = @Sendable (Key) async throws -> Value

    /// A value, and whether it is an old one.
    public struct Answer: Sendable {
        /// The value.
        public var value: Value
        /// Whether it is older than the policy's ``CachePolicy/freshFor``.
        public var isStale: Bool

        init(_ value: Value, isStale: Bool) {
            self.value = value
            self.isStale = isStale
        }
    }

    /// The name that events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: CachePolicy

    @usableFromInline let guarded: Mutex<Guarded>
    @usableFromInline let time: TimeSource
    let spawner: Spawner
    let weigh: @Sendable (Key, Value) -> Int
    let remembers: @Sendable (any Error) -> Bool
    let tier: (any CacheTier<Key, Value>)?
    let tierLimit: Timeout
    @usableFromInline let onEvent: (@Sendable (CacheEvent<Key>) -> Void)?

    /// Creates an empty cache.
    ///
    /// - Parameters:
    ///   - tier: What is asked before a load and told of its value.
    ///   - spawner: Where loads run. Default: ``Spawner/sharing``.
    ///   - weigh: What an entry takes of ``CachePolicy/capacity``, for example its bytes; less than 1 counts as 1, and
    ///     an entry heavier than the whole cache is not kept. By default each weighs 1.
    ///   - remembers: Names the errors that are thrown again for ``CachePolicy/errorsFor`` without another load. By
    ///     default none; a `CancellationError` never is.
    ///   - onEvent: Told about each answer, load and eviction.
    public init(
        _ name: String = "cache", policy: CachePolicy = CachePolicy(),
        tier: (any CacheTier<Key, Value>)? = nil,
        time: TimeSource = TimeSource(), chance: Chance = .system(), spawner: Spawner = .sharing,
        weighing weigh: @escaping @Sendable (Key, Value) -> Int = { _, _ in 1 },
        remembering remembers: @escaping @Sendable (any Error) -> Bool = { _ in false },
        onEvent: (@Sendable (CacheEvent<Key>) -> Void)? = nil
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.policy = policy
        self.tier = tier
        tierLimit = Timeout("cache tier", after: policy.tierTimeout, time: time, spawner: spawner)
        self.time = time
        self.spawner = spawner
        self.weigh = weigh
        self.remembers = remembers
        self.onEvent = onEvent
        var machine = StateMachine(policy, chance: chance)
        machine.isWatched = onEvent != nil
        guarded = Mutex(Guarded(machine: machine))
    }

    /// The value of a key: the one that is kept, or what `load` brings.
    ///
    /// Of callers that wait for the same key only one load runs: that of the first. If it ends with a
    /// `CancellationError` that is not the waiters' own, the next waiter's load is run. A load that asks for its own key
    /// waits for itself.
    ///
    /// - Throws: The error of the load, now or remembered; `CancellationError` when the caller is cancelled. An already
    ///   cancelled caller gets that whatever is kept, and nothing is counted or loaded.
    @inlinable
    public func value(for key: Key, load: @escaping Load) async throws -> Value {
        try Task.checkCancellation()
        if let value = hit(key) { return value }
        return try await answer(for: key, load: load).value
    }

    /// The value of a key, and whether it is an old one; else as ``value(for:load:)``.
    ///
    /// - Throws: As ``value(for:load:)``.
    public func answer(for key: Key, load: @escaping Load) async throws -> Answer {
        try Task.checkCancellation()
        let now = time.now
        switch change({ $0.ask(key, load, at: now) }) {
        case .serve(let answer): return answer
        case .fail(let error): throw error
        case .refresh(let answer, let start):
            launch(start, key, load)
            return answer
        case .begin(let start, let waiter):
            launch(start, key, load)
            return try await wait(waiter)
        case .join(let waiter): return try await wait(waiter)
        case .alone: return try await loadAlone(key, load)
        }
    }

    /// The value of a key if it is fresh, at the cost of a look-up; counts as a hit if there is one, else as nothing.
    @inlinable
    public func hit(_ key: Key) -> Value? {
        let now = time.now
        let value = guarded.withLock { $0.machine.hit(key, at: now) }
        if onEvent != nil, value != nil { tellHit(key) }
        return value
    }

    /// The value of a key if it may still be served, old or not, without counting as a use.
    public func peek(_ key: Key) -> Answer? {
        let now = time.now
        return guarded.withLock { $0.machine.peek(key, at: now) }
    }

    /// Puts values in as if they had been loaded now, for example before the first call. The second tier is not told.
    /// A load of one of the keys that is in flight still answers its waiters, but its value is not kept.
    public func warm(_ values: some Sequence<(Key, Value)>) {
        let now = time.now
        for (key, value) in values {
            let weight = weigh(key, value)
            perform(change { $0.drop([$0.machine.put(key, value, weight: weight, at: now)]) })
        }
    }

    /// Forgets a key, in the second tier too unless the caller is cancelled already. A load of it that is in flight still answers its waiters, but its value
    /// is not kept.
    ///
    /// The second tier may get a value back that a load wrote at the same moment; that ends with the value's time.
    public func remove(_ key: Key) async {
        perform(change { $0.drop([$0.machine.remove(key)]) })
        guard let tier else { return }
        await inTier(key) { try await tier.remove(key) }
    }

    /// Forgets everything but the counts, at a cost to others that does not depend on how much that is; the second tier
    /// is not told. Loads in flight still answer their waiters, but
    /// their values are not kept.
    public func removeAll() {
        perform(change { $0.drop($0.machine.removeAll()) })
    }

    /// What was counted since the cache was made, and what it holds now.
    public var counts: CacheCounts {
        guarded.withLock { $0.machine.counts }
    }
}
