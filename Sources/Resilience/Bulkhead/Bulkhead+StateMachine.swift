extension Bulkhead {
    /// A place in the bulkhead.
    struct Ticket: Sendable, Hashable {
        let partition: String?
        /// Whether it takes a place; a bypassing call does not.
        let counted: Bool
    }

    /// The answer to a call that asks for a place.
    enum Entry: Sendable, Hashable {
        case admitted(Ticket)
        /// The call waits under this number.
        case queued(UInt64)
        case refused
    }

    /// The decisions of a bulkhead; no clock, lock, task or callback.
    ///
    /// The queue is first in, first out; with partitions, the first waiter whose partition has room goes next.
    struct StateMachine: Sendable {
        private struct Waiter {
            let id: UInt64
            let partition: String?
            let until: Instant?
        }

        let policy: BulkheadPolicy
        private var waiting: [Waiter] = []
        private var nextID: UInt64 = 0
        private var used: [String: Int] = [:]
        /// The calls that run now, bypassing ones aside.
        private(set) var running = 0

        init(_ policy: BulkheadPolicy) {
            self.policy = policy
        }

        /// The calls that wait now.
        var queued: Int { waiting.count }
        /// The numbers of the waiting calls, in order.
        var queue: [UInt64] { waiting.map(\.id) }

        /// Asks for a place. A call with room never finds waiters that have room too: they were let in before.
        mutating func enter(
            partition: String? = nil, bypass: Bool = false, mayQueue: Bool = true, at now: Instant
        )
            -> Entry
        {
            if bypass { return .admitted(Ticket(partition: partition, counted: false)) }
            if hasRoom(for: partition) { return .admitted(take(partition)) }
            guard mayQueue, waiting.count < policy.queue else { return .refused }
            nextID &+= 1
            waiting.append(
                Waiter(id: nextID, partition: partition, until: policy.maximumWait.map(now.advanced(by:))))
            return .queued(nextID)
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
            guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
            waiting.remove(at: index)
            return true
        }

        /// Takes out the waiters whose time is up.
        mutating func expire(at now: Instant) -> [UInt64] {
            let late = waiting.filter { $0.until.map { now >= $0 } ?? false }.map(\.id)
            if !late.isEmpty { waiting.removeAll { late.contains($0.id) } }
            return late
        }

        private mutating func admitWaiters() -> [(id: UInt64, ticket: Ticket)] {
            var admitted: [(id: UInt64, ticket: Ticket)] = []
            while let index = waiting.firstIndex(where: { hasRoom(for: $0.partition) }) {
                let waiter = waiting.remove(at: index)
                admitted.append((waiter.id, take(waiter.partition)))
            }
            return admitted
        }

        private func hasRoom(for partition: String?) -> Bool {
            if running < policy.limit { return true }
            guard let partition, let kept = policy.places(of: partition) else { return false }
            return used[partition, default: 0] < kept
        }

        private mutating func take(_ partition: String?) -> Ticket {
            running += 1
            let known = partition.flatMap { policy.partitions[$0] == nil ? nil : $0 }
            if let known { used[known, default: 0] += 1 }
            return Ticket(partition: known, counted: true)
        }
    }
}
