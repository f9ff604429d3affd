/// The deadlines of callers, the earliest first: a binary heap that knows the place of each, so that one can be taken out
/// in O(log n).
struct DeadlineHeap: Sendable {
    struct Entry: Sendable {
        let deadline: Instant
        /// The caller. Each has at most one deadline.
        let id: UInt64
        /// When the caller came.
        let arrived: Instant
    }

    private var entries: [Entry] = []
    private var places: [UInt64: Int] = [:]
    /// The exchanges of two entries so far.
    private(set) var moves = 0

    var count: Int { entries.count }
    var first: Entry? { entries.first }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        places[entry.id] = entries.count - 1
        rise(from: entries.count - 1)
    }

    /// Takes the deadline of a caller out; does nothing if there is none.
    mutating func remove(_ id: UInt64) {
        guard let place = places.removeValue(forKey: id) else { return }
        guard let last = entries.popLast(), place < entries.count else { return }
        put(last, at: place)
        rise(from: place)
        sink(from: place)
    }

    private mutating func rise(from start: Int) {
        var place = start
        while place > 0, entries[place].deadline < entries[(place - 1) / 2].deadline {
            swap(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private mutating func sink(from start: Int) {
        var place = start
        while true {
            var least = place
            for child in 2 * place + 1...2 * place + 2
            where child < entries.count && entries[child].deadline < entries[least].deadline {
                least = child
            }
            if least == place { return }
            swap(place, least)
            place = least
        }
    }

    private mutating func swap(_ one: Int, _ other: Int) {
        moves &+= 1
        let entry = entries[one]
        put(entries[other], at: one)
        put(entry, at: other)
    }

    private mutating func put(_ entry: Entry, at place: Int) {
        entries[place] = entry
        places[entry.id] = place
    }
}
