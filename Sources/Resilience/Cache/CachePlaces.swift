/// The places of keys: a dictionary that grows a few keys at a time.
///
/// A dictionary that is full hashes all its keys anew at once. This one begins another of twice the size beside it, and
/// each further step moves some keys over; until then a key is looked for in both.
@usableFromInline
struct CachePlaces<Key: Hashable & Sendable>: Sendable {
    /// The keys that a step moves; more than two, so that it is done before the new one is full.
    static var stride: Int { 4 }

    @usableFromInline var current: [Key: Int] = [:]
    /// What `current` takes the place of; it may have keys that were moved already. Empty when all were.
    @usableFromInline var former: [Key: Int] = [:]
    /// How many keys there are.
    private(set) var count = 0
    /// The next place whose key is moved.
    private var hand = 0

    init() {}

    @inlinable
    subscript(key: Key) -> Int? {
        current[key] ?? (former.isEmpty ? nil : former[key])
    }

    /// Adds a key that has no place yet.
    mutating func add(_ key: Key, at place: Int) {
        if former.isEmpty, current.count >= 1024, current.count == current.capacity {
            former = current
            current = [:]
            current.reserveCapacity(2 * former.count)
            hand = 0
        }
        current[key] = place
        count += 1
    }

    /// The places whose keys are to be moved now, of so many.
    mutating func due(of places: Int) -> Range<Int> {
        guard !former.isEmpty else { return 0..<0 }
        let begin = min(hand, places)
        hand = min(begin + Self.stride, places)
        return begin..<hand
    }

    mutating func move(_ key: Key, at place: Int) { current[key] = place }

    /// Ends the move when all places were due.
    ///
    /// - Returns: What is to be freed outside the lock.
    mutating func endMove(of places: Int) -> (any Sendable)? {
        guard !former.isEmpty, hand >= places else { return nil }
        defer { former = [:] }
        return former
    }

    mutating func remove(_ key: Key) {
        let place = current.removeValue(forKey: key)
        let former = former.isEmpty ? nil : self.former.removeValue(forKey: key)
        if place != nil || former != nil { count -= 1 }
    }
}
