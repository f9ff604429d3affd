extension Bulkhead {
    /// A place in the bulkhead.
    struct Ticket: Sendable, Hashable {
        let partition: String?
        /// Whether it takes a place; a bypassing call does not.
        let counted: Bool

        /// The ticket of a call without a partition.
        static let anybody = Ticket(partition: nil, counted: true)
    }

    /// The answer to a call that asks for a place.
    enum Entry: Sendable, Hashable {
        case admitted(Ticket)
        /// The call waits under this number; another one may have had to leave for it.
        case queued(UInt64, displacing: UInt64? = nil)
        case refused
    }

    /// The decisions of a bulkhead; no clock, lock, task or callback.
    ///
    /// A place goes to the waiter with the highest priority and of those to the one that came first; with partitions, to
    /// the first of them whose partition has room.
    struct StateMachine: Sendable {
        private(set) var policy: BulkheadPolicy
        private var waiting = Queue()
        private var nextID: UInt64 = 0
        /// The running calls of each partition that has any.
        private var used: [String: Int] = [:]
        /// The calls that run now, bypassing ones aside; more than the limit after that was lowered,
        /// and by places that are kept for a partition.
        private(set) var running = 0

        init(_ policy: BulkheadPolicy) {
            self.policy = policy
        }

        /// The calls that wait now.
        var queued: Int { waiting.count }
        /// The numbers of the waiting calls, in order.
        var queue: [UInt64] { waiting.all.map(\.id) }

        /// Asks for a place. A call with room never finds waiters that have room too: they were let in before.
        mutating func enter(
            priority: Int = 0, partition: String? = nil, bypass: Bool = false, mayQueue: Bool = true,
            deadline: Instant? = nil, at now: Instant
        ) -> Entry {
            if bypass { return .admitted(Ticket(partition: nil, counted: false)) }
            if hasRoom(for: partition) { return .admitted(take(partition)) }
            guard mayQueue, policy.queue > 0 else { return .refused }
            var displaced: UInt64?
            if waiting.count >= policy.queue {
                guard let last = waiting.popLast(below: priority) else { return .refused }
                displaced = last.id
            }
            nextID &+= 1
            waiting.append(
                Waiter(
                    id: nextID, priority: priority, partition: partition,
                    until: endOfWait(deadline, at: now)))
            return .queued(nextID, displacing: displaced)
        }

        /// Until when a call may wait that begins to at `now`; nil for ever.
        func endOfWait(_ deadline: Instant?, at now: Instant) -> Instant? {
            guard let until = policy.maximumWait.map(now.advanced(by:)) else { return deadline }
            return deadline.map { min($0, until) } ?? until
        }

        /// Gives a place back.
        ///
        /// - Returns: The waiters that have a place now.
        mutating func leave(_ ticket: Ticket) -> [(id: UInt64, ticket: Ticket)] {
            guard ticket.counted else { return [] }
            running -= 1
            if let partition = ticket.partition, let count = used[partition] {
                used[partition] = count > 1 ? count - 1 : nil
            }
            return admitWaiters()
        }

        /// Takes a waiter out of the queue.
        ///
        /// - Returns: False if it no longer waits.
        mutating func withdraw(_ id: UInt64) -> Bool {
            waiting.remove(id)
        }

        /// Takes out the waiters whose time is up.
        mutating func expire(at now: Instant) -> [UInt64] {
            waiting.removeLate(at: now)
        }

        /// Goes on under another policy. Nobody who runs or waits has to leave: a lower limit is reached as calls end, a
        /// shorter queue as it drains, and who waits may wait as long as it was told.
        ///
        /// - Returns: The waiters that have a place now.
        mutating func reconfigure(_ policy: BulkheadPolicy) -> [(id: UInt64, ticket: Ticket)] {
            self.policy = policy
            return admitWaiters()
        }

        private mutating func admitWaiters() -> [(id: UInt64, ticket: Ticket)] {
            var admitted: [(id: UInt64, ticket: Ticket)] = []
            while let waiter = nextWithRoom() { admitted.append((waiter.id, take(waiter.partition))) }
            return admitted
        }

        private mutating func nextWithRoom() -> Waiter? {
            if waiting.count == 0 { return nil }
            if running < policy.limit { return waiting.popFirst() }
            // Only what is kept for a partition is left.
            if policy.partitions.isEmpty { return nil }
            let (policy, used) = (policy, used)
            return waiting.popFirst { Self.isKept(for: $0.partition, policy, used) }
        }

        private func hasRoom(for partition: String?) -> Bool {
            running < policy.limit || Self.isKept(for: partition, policy, used)
        }

        /// Whether one of the places that are kept for a partition is free.
        private static func isKept(for partition: String?, _ policy: BulkheadPolicy, _ used: [String: Int])
            -> Bool
        {
            guard let partition, let kept = policy.places(of: partition) else { return false }
            return used[partition, default: 0] < kept
        }

        private mutating func take(_ partition: String?) -> Ticket {
            running += 1
            // Counted whether or not places are kept for it now: they may be after a change of policy.
            if let partition { used[partition, default: 0] += 1 }
            return Ticket(partition: partition, counted: true)
        }
    }
}
