public import Resilience

/// Remembers by which target each session was answered last, within a bounded memory: the session that was answered
/// longest ago is forgotten first. A decision: it is handed the time.
public struct StickySessions: Sendable {
    /// A session, by the digest of what identifies it; the text itself is kept nowhere.
    public struct Key: Sendable, Hashable {
        private let high, low: UInt64

        /// Creates a key of two words of a digest.
        public init(_ high: UInt64, _ low: UInt64) {
            self.high = high
            self.low = low
        }

        /// A number that is the same for the same session.
        public var number: UInt64 { low }
    }

    /// A place in the list of sessions, which is ordered by their last answers.
    private struct Slot {
        var key: Key
        var target: String
        var answeredAt: Instant
        var older, newer: Int
    }

    private static let none = -1

    private let capacity: Int
    private var places: [Key: Int] = [:]
    private var slots: [Slot] = []
    private var newest = none
    private var oldest = none

    /// Creates an empty memory.
    ///
    /// - Parameter capacity: The most sessions that are remembered. Range: 1 or more. Default: 10,000, which take about
    ///   2 MB.
    public init(capacity: Int = 10_000) {
        self.capacity = max(1, capacity)
    }

    /// How many sessions are remembered.
    public var count: Int { slots.count }

    /// The target that answered the session last; nil if that is longer ago than `lifetime`, or not known.
    public func target(of key: Key, at now: Instant, lifetime: Duration) -> String? {
        guard let place = places[key], now.since(slots[place].answeredAt) < lifetime else { return nil }
        return slots[place].target
    }

    /// A target has answered the session.
    public mutating func answered(_ key: Key, by target: String, at now: Instant) {
        let place: Int
        if let known = places[key] {
            place = known
            unlink(place)
        } else if slots.count < capacity {
            place = slots.count
            slots.append(
                Slot(key: key, target: target, answeredAt: now, older: Self.none, newer: Self.none))
        } else {
            place = oldest
            unlink(place)
            places[slots[place].key] = nil
        }
        slots[place].key = key
        slots[place].target = target
        slots[place].answeredAt = now
        places[key] = place
        linkAsNewest(place)
    }

    private mutating func linkAsNewest(_ place: Int) {
        slots[place].older = newest
        slots[place].newer = Self.none
        if newest != Self.none { slots[newest].newer = place }
        newest = place
        if oldest == Self.none { oldest = place }
    }

    private mutating func unlink(_ place: Int) {
        let (older, newer) = (slots[place].older, slots[place].newer)
        if older != Self.none { slots[older].newer = newer } else { oldest = newer }
        if newer != Self.none { slots[newer].older = older } else { newest = older }
    }
}
