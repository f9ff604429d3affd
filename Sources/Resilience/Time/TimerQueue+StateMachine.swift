extension TimerQueue {
    /// The moments of a timer queue in their order; no clock, lock, task or callback.
    ///
    /// Timers of one strategy fall due in about the order in which they were set, so most stand in a list that is linked
    /// both ways within an array: one that is not due before the last of the list is put behind it, and taking one out
    /// costs the same wherever it stands. All others stand in a heap, which takes the logarithm of their number in steps.
    struct StateMachine<Element: Sendable, Moment: Comparable & Sendable>: Sendable {
        /// A timer that was set.
        struct Ticket: Sendable, Hashable {
            fileprivate let index: Int
            fileprivate let number: UInt64
        }

        /// A timer that is due.
        typealias Due = (element: Element, dueAt: Moment)

        /// What is to be done when a sleeper has ended by an error.
        enum Mend: Sendable {
            case nothing
            /// Begin another, under that number.
            case sleeper(UInt64, until: Moment)
            /// Ring all that wait: nobody can sleep for them.
            case ring([Due])
        }

        struct Node: Sendable {
            var dueAt: Moment
            /// Nil in a place that is free.
            var element: Element?
            /// Which timer it is, counted over all: equal moments keep their order, and a ticket of an earlier timer in
            /// this place means nothing.
            var number: UInt64
            var before = -1, after = -1
            /// Where in the heap it stands; -1 for one in the list.
            var place = -1
        }

        private(set) var nodes: [Node] = []
        private var free: [Int] = []
        private var first = -1, last = -1
        /// The timers that are not in the list, each due before its two children at 2 n + 1 and 2 n + 2.
        private var heap: [Int] = []
        private var lastNumber: UInt64 = 0
        /// Until when the sleeper sleeps; nil without one.
        private var wakesAt: Moment?
        /// Which sleeper is the one that counts.
        private(set) var sleeper: UInt64 = 0
        /// Whether the sleeper stands for one that has failed, and has not woken yet.
        private var isReplacement = false

        /// How many timers are set.
        var count: Int { nodes.count - free.count }

        /// Sets a timer.
        ///
        /// - Returns: Its ticket, and whether a sleeper must begin that wakes at its moment.
        mutating func set(_ element: Element, at dueAt: Moment) -> (ticket: Ticket, needsSleeper: Bool) {
            lastNumber &+= 1
            let node = Node(dueAt: dueAt, element: element, number: lastNumber)
            let index = free.popLast() ?? nodes.count
            if index == nodes.count { nodes.append(node) } else { nodes[index] = node }
            if last >= 0, dueAt < nodes[last].dueAt { insert(index) } else { link(index) }
            let needsSleeper = wakesAt.map { dueAt < $0 } ?? true
            if needsSleeper {
                wakesAt = dueAt
                sleeper &+= 1
            }
            return (Ticket(index: index, number: lastNumber), needsSleeper)
        }

        /// Takes a timer out, unless it was taken out or has fallen due.
        mutating func remove(_ ticket: Ticket) {
            guard nodes.indices.contains(ticket.index), nodes[ticket.index].number == ticket.number,
                nodes[ticket.index].element != nil
            else { return }
            takeOut(ticket.index)
        }

        /// Takes the next timer out that is due.
        mutating func takeDue(at now: Moment) -> Due? {
            guard let index = earliest, nodes[index].dueAt <= now else { return nil }
            return takeFirst()
        }

        private mutating func takeFirst() -> Due? {
            guard let index = earliest, let element = nodes[index].element else { return nil }
            let dueAt = nodes[index].dueAt
            takeOut(index)
            return (element, dueAt)
        }

        private mutating func takeOut(_ index: Int) {
            if nodes[index].place >= 0 { removeFromHeap(at: nodes[index].place) } else { unlink(index) }
            nodes[index].element = nil
            free.append(index)
        }

        private var earliest: Int? {
            guard let root = heap.first else { return first >= 0 ? first : nil }
            return first >= 0 && precedes(first, root) ? first : root
        }

        // MARK: Sleepers

        /// Until when that sleeper, which has woken, is to sleep on; nil if it is to end.
        mutating func sleepOn(_ number: UInt64) -> Moment? {
            guard number == sleeper else { return nil }
            isReplacement = false
            wakesAt = earliest.map { nodes[$0].dueAt }
            return wakesAt
        }

        /// That sleeper has ended by an error.
        ///
        /// Timers that wait get another sleeper. When that one fails as well before it wakes, they ring: early is better
        /// than never.
        mutating func sleeperFailed(_ number: UInt64) -> Mend {
            guard number == sleeper else { return .nothing }
            wakesAt = earliest.map { nodes[$0].dueAt }
            guard let wakesAt else { return .nothing }
            isReplacement.toggle()
            if isReplacement {
                sleeper &+= 1
                return .sleeper(sleeper, until: wakesAt)
            }
            self.wakesAt = nil
            var all: [Due] = []
            while let next = takeFirst() { all.append(next) }
            return .ring(all)
        }

        // MARK: The list

        private mutating func link(_ index: Int) {
            nodes[index].before = last
            if last >= 0 { nodes[last].after = index } else { first = index }
            last = index
        }

        private mutating func unlink(_ index: Int) {
            let before = nodes[index].before, after = nodes[index].after
            if before >= 0 { nodes[before].after = after } else { first = after }
            if after >= 0 { nodes[after].before = before } else { last = before }
        }

        // MARK: The heap

        private func precedes(_ left: Int, _ right: Int) -> Bool {
            if nodes[left].dueAt < nodes[right].dueAt { return true }
            return nodes[left].dueAt == nodes[right].dueAt && nodes[left].number < nodes[right].number
        }

        private mutating func insert(_ index: Int) {
            heap.append(index)
            raise(index, from: heap.count - 1)
        }

        private mutating func removeFromHeap(at place: Int) {
            guard let moved = heap.popLast(), place < heap.count else { return }
            if place > 0, precedes(moved, heap[(place - 1) / 2]) {
                raise(moved, from: place)
            } else {
                lower(moved, from: place)
            }
        }

        private mutating func raise(_ index: Int, from start: Int) {
            var place = start
            while place > 0, precedes(index, heap[(place - 1) / 2]) {
                put(heap[(place - 1) / 2], at: place)
                place = (place - 1) / 2
            }
            put(index, at: place)
        }

        private mutating func lower(_ index: Int, from start: Int) {
            var place = start
            while 2 * place + 1 < heap.count {
                var child = 2 * place + 1
                if child + 1 < heap.count, precedes(heap[child + 1], heap[child]) { child += 1 }
                guard precedes(heap[child], index) else { break }
                put(heap[child], at: place)
                place = child
            }
            put(index, at: place)
        }

        private mutating func put(_ index: Int, at place: Int) {
            heap[place] = index
            nodes[index].place = place
        }
    }
}
