/// The deadlines of items, the earliest first: a binary heap.
struct DeadlineHeap: Sendable {
    struct Entry: Sendable {
        let deadline: Instant
        let id: UInt64
    }

    private var entries: [Entry] = []

    var count: Int { entries.count }
    var first: Entry? { entries.first }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var place = entries.count - 1
        while place > 0, entries[place].deadline < entries[(place - 1) / 2].deadline {
            entries.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = entries.popLast(), !entries.isEmpty else { return }
        entries[0] = last
        var place = 0
        while true {
            var least = place
            for child in 2 * place + 1...2 * place + 2
            where child < entries.count && entries[child].deadline < entries[least].deadline {
                least = child
            }
            if least == place { return }
            entries.swapAt(place, least)
            place = least
        }
    }

    /// Drops the entries of items that are gone.
    mutating func keep(_ isWaiting: (UInt64) -> Bool) {
        let kept = entries.filter { isWaiting($0.id) }
        entries = []
        for entry in kept { insert(entry) }
    }
}
