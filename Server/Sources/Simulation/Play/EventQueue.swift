/// What is yet to happen, the soonest first; what is due at the same moment in the order in which it was put in. A binary
/// heap.
struct EventQueue<Event> {
    private struct Entry {
        var time: Double
        var number: UInt64
        var event: Event

        func comes(before other: Entry) -> Bool {
            time != other.time ? time < other.time : number < other.number
        }
    }

    private var entries: [Entry] = []
    private var given: UInt64 = 0

    /// When the next event is due; nil if there is none.
    var nextTime: Double? { entries.first?.time }

    mutating func push(_ event: Event, at time: Double) {
        given &+= 1
        entries.append(Entry(time: time, number: given, event: event))
        var index = entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].comes(before: entries[parent]) else { return }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    mutating func pop() -> (time: Double, event: Event)? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink()
        }
        return (first.time, first.event)
    }

    private mutating func sink() {
        var index = 0
        while true {
            let left = 2 * index + 1, right = left + 1
            var least = index
            if left < entries.count, entries[left].comes(before: entries[least]) { least = left }
            if right < entries.count, entries[right].comes(before: entries[least]) { least = right }
            guard least != index else { return }
            entries.swapAt(index, least)
            index = least
        }
    }
}
