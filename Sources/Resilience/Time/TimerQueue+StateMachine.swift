extension TimerQueue {
    /// The moments of a timer queue in their order; no clock, lock, task or callback.
    ///
    /// A list that is linked both ways within an array, so that taking a timer out costs the same wherever it stands. A new
    /// timer looks for its place from the end: those of one strategy fall due in about the order in which they were set.
    struct StateMachine<Element: Sendable>: Sendable {
        /// A timer that was set.
        struct Ticket: Sendable, Hashable {
            fileprivate let index: Int
            fileprivate let use: UInt64
        }

        private struct Node {
            var dueAt = Instant()
            var element: Element?
            var before = -1, after = -1
            /// Which use of this place it is: a ticket of an earlier one means nothing.
            var use: UInt64 = 0
        }

        private var nodes: [Node] = []
        private var free: [Int] = []
        private var first = -1, last = -1
        /// Until when the sleeper sleeps; nil without one.
        private var wakesAt: Instant?
        /// Which sleeper is the one that counts.
        private(set) var sleeper: UInt64 = 0

        /// How many timers are set.
        var count: Int { nodes.count - free.count }

        /// Sets a timer.
        ///
        /// - Returns: Its ticket, and whether a sleeper must begin that wakes at its moment.
        mutating func set(_ element: Element, at dueAt: Instant) -> (ticket: Ticket, needsSleeper: Bool) {
            let index = free.popLast() ?? nodes.count
            if index == nodes.count { nodes.append(Node()) }
            nodes[index].use &+= 1
            nodes[index].dueAt = dueAt
            nodes[index].element = element
            link(index)
            let needsSleeper = wakesAt.map { dueAt < $0 } ?? true
            if needsSleeper {
                wakesAt = dueAt
                sleeper &+= 1
            }
            return (Ticket(index: index, use: nodes[index].use), needsSleeper)
        }

        /// Takes a timer out, unless it was taken out or has fallen due.
        mutating func remove(_ ticket: Ticket) {
            guard nodes.indices.contains(ticket.index), nodes[ticket.index].use == ticket.use,
                nodes[ticket.index].element != nil
            else { return }
            unlink(ticket.index)
        }

        /// Takes the next timer out that is due.
        mutating func takeDue(at now: Instant) -> (element: Element, dueAt: Instant)? {
            guard first >= 0, nodes[first].dueAt <= now, let element = nodes[first].element else {
                return nil
            }
            let dueAt = nodes[first].dueAt
            unlink(first)
            return (element, dueAt)
        }

        /// Until when that sleeper is to sleep on; nil if it is to end.
        mutating func sleepOn(_ number: UInt64) -> Instant? {
            guard number == sleeper else { return nil }
            wakesAt = first >= 0 ? nodes[first].dueAt : nil
            return wakesAt
        }

        private mutating func link(_ index: Int) {
            var before = last
            while before >= 0, nodes[index].dueAt < nodes[before].dueAt { before = nodes[before].before }
            let after = before >= 0 ? nodes[before].after : first
            nodes[index].before = before
            nodes[index].after = after
            if before >= 0 { nodes[before].after = index } else { first = index }
            if after >= 0 { nodes[after].before = index } else { last = index }
        }

        private mutating func unlink(_ index: Int) {
            let before = nodes[index].before, after = nodes[index].after
            if before >= 0 { nodes[before].after = after } else { first = after }
            if after >= 0 { nodes[after].before = before } else { last = before }
            nodes[index].element = nil
            free.append(index)
        }
    }
}
