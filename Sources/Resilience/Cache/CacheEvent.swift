import Synchronization

/// What a cache reports: how it answers, its loads, and what it drops.
public struct CacheEvent<Key: Hashable & Sendable>: Sendable, Hashable {
    /// What happened.
    @nonexhaustive
    public enum Happening: String, Sendable, Hashable, CaseIterable {
        /// A call was answered by a fresh entry, or by a remembered error.
        case hit = "cache_hit"
        /// A call has to wait for a load.
        case missed = "cache_missed"
        /// Calls were answered by an old value.
        case servedStale = "cache_served_stale"
        /// A load began.
        case loadBegan = "cache_load_began"
        /// A load brought a value. A cancelled load ends without an event.
        case loaded = "cache_loaded"
        /// A load ended with an error, or was given up as hung.
        case loadFailed = "cache_load_failed"
        /// An entry was dropped to make room, or not kept in the first place.
        case evicted = "cache_evicted"
        /// A load was answered by the second tier.
        case tierHit = "cache_tier_hit"
        /// An operation of the second tier failed or took too long.
        case tierFailed = "cache_tier_failed"
    }

    /// The cache's name.
    public var strategy: String
    /// What happened.
    public var happening: Happening
    /// The key of the entry. It may be worth protecting: look at what keys hold before they are written to a log.
    public var key: Key
    /// The calls that it happened to: more than 1 where several waited for a load that failed.
    public var calls: Int

    init(_ note: Note, in cache: String) {
        strategy = cache
        happening = note.happening
        key = note.key
        calls = note.calls
    }

    /// A hit, the one event that may be told for nearly every call.
    @inlinable
    init(hit key: Key, in cache: String) {
        strategy = cache
        happening = .hit
        self.key = key
        calls = 1
    }

    /// What is to be told once the lock was given back.
    struct Note: Sendable {
        var happening: Happening
        var key: Key
        var calls = 1
    }
}

extension CacheEvent: ResilienceEvent {
    /// The name of what happened.
    public var kind: String { happening.rawValue }

    /// A warning for a failed load or second tier, information for an old value, else debug.
    public var severity: EventSeverity {
        switch happening {
        case .loadFailed, .tierFailed: .warning
        case .servedStale: .information
        case .hit, .missed, .loadBegan, .loaded, .evicted, .tierHit: .debug
        }
    }
}

extension Cache.StateMachine {
    /// Counts what happened, and keeps it for who watches.
    mutating func note(_ happening: CacheEvent<Key>.Happening, _ key: Key, calls: Int = 1) {
        guard calls > 0 else { return }
        switch happening {
        case .hit: tally.hits &+= calls
        case .missed: tally.misses &+= calls
        case .servedStale: tally.staleServed &+= calls
        case .loadBegan: tally.loads &+= 1
        case .loadFailed: tally.loadFailures &+= 1
        case .tierHit: tally.tierHits &+= 1
        case .tierFailed: tally.tierFailures &+= 1
        // Counted where it is decided, or not at all.
        case .evicted, .loaded: break
        }
        if isWatched { notes.append(CacheEvent.Note(happening: happening, key: key, calls: calls)) }
    }

    /// What was noted since the last time.
    mutating func takeNotes() -> [CacheEvent<Key>.Note] {
        guard !notes.isEmpty else { return [] }
        defer { notes = [] }
        return notes
    }
}

extension Cache {
    /// Changes the state under the lock. Outside it, what was discarded is freed, since a value's end may run code that
    /// asks the cache, and what happened is told.
    func change<Answer: Sendable>(_ body: (inout sending Guarded) -> Answer) -> Answer {
        guard let onEvent else { return guarded.withLock { (body(&$0), $0.machine.takeDiscarded()) }.0 }
        let (answer, notes, _) = guarded.withLock { guarded in
            let answer = body(&guarded)
            return (answer, guarded.machine.takeNotes(), guarded.machine.takeDiscarded())
        }
        for note in notes { onEvent(CacheEvent(note, in: name)) }
        return answer
    }

    /// Tells about a call that was answered without any other change.
    @inlinable
    func tellHit(_ key: Key) {
        onEvent?(CacheEvent(hit: key, in: name))
    }
}
