/// What a cache counted since it was made, and what it holds now.
public struct CacheCounts: Sendable, Hashable {
    /// Calls answered by a fresh entry, remembered errors included.
    public var hits = 0
    /// Calls that had to wait for a load.
    public var misses = 0
    /// Answers that were stale: while a refresh ran or paused, or because a load failed.
    public var staleServed = 0
    /// Loads begun, in the background and above ``CachePolicy/maximumLoads`` too. A load that the second tier answered
    /// counts.
    public var loads = 0
    /// Loads that ended with an error or were given up as hung. Cancelled ones do not count.
    public var loadFailures = 0
    /// Entries dropped to make room.
    public var evictions = 0
    /// Entries that were not kept because what they would have displaced is used more, or because they weigh more
    /// than the whole cache.
    public var rejectedAdmissions = 0
    /// Loads answered by the second tier.
    public var tierHits = 0
    /// Operations of the second tier that failed or took too long.
    public var tierFailures = 0
    /// The entries held now; those that are gone by age stay until they are asked for or swept.
    public var entries = 0
    /// What they weigh.
    public var weight = 0
    /// The loads in flight now.
    public var loading = 0

    /// Creates counts of nothing.
    public init() {}
}
