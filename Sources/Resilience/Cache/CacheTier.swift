/// A store behind a cache that is asked before a load, for example one that several processes share.
///
/// Its failure never fails a call: an operation that throws or takes longer than ``CachePolicy/tierTimeout`` is counted
/// and counts as a miss. An operation that ignores cancellation delays the load that asked.
public protocol CacheTier<Key, Value>: Sendable {
    /// What entries are found by.
    associatedtype Key: Hashable & Sendable
    /// What entries hold.
    associatedtype Value: Sendable

    /// Looks an entry up.
    ///
    /// - Returns: The value and its age, or nil. A value that is no longer fresh is used if the load fails and the
    ///   cache's policy allows its age, so a store may keep entries for longer than they are fresh.
    func get(_ key: Key) async throws -> CacheTierEntry<Value>?

    /// Keeps a value that was just loaded.
    ///
    /// - Parameter lifetime: The time after which the cache has no use for it.
    func set(_ value: Value, for key: Key, lifetime: Duration) async throws

    /// Forgets an entry.
    func remove(_ key: Key) async throws
}

/// A value of a second tier.
public struct CacheTierEntry<Value: Sendable>: Sendable {
    /// The value.
    public var value: Value
    /// The time since it was loaded. An age instead of a moment, since processes share no clock. Negative counts as 0.
    public var age: Duration

    /// Creates an entry.
    public init(_ value: Value, age: Duration) {
        self.value = value
        self.age = age
    }
}
