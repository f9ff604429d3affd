extension Cache {
    /// The loads in flight, at most one for each key that anybody may join, and who waits for them.
    struct Flights: Sendable {
        struct Flight: Sendable {
            let key: Key
            /// In the order in which they came, with some of those that have left: who still waits is in `waitingFor`.
            var waiters: [UInt64]
            /// How many of them still wait.
            var waiting = 0
            /// The waiter whose load it runs, while it waits; nil for a load in the background.
            var owner: UInt64?
            /// When a load in the background is given up; nil for one that ends with its last waiter.
            var until: Instant?
            /// That of the most urgent who has waited for it.
            var priority = TaskPriority(rawValue: 0)
        }

        private var flights: [UInt64: Flight] = [:]
        /// The load of each key that may be joined and whose value is kept.
        private var byKey: [Key: UInt64] = [:]
        /// The load that each waiter waits for now.
        private var waitingFor: [UInt64: UInt64] = [:]
        private var last: UInt64 = 0

        /// The loads in flight, those included whose values will not be kept.
        var count: Int { flights.count }
        /// The keys whose loads may be joined, in the order in which the loads began.
        var keys: [Key] { byKey.sorted { $0.value < $1.value }.map(\.key) }

        /// The key of a load; nil if it is not in flight.
        func key(of id: UInt64) -> Key? { flights[id]?.key }

        /// Whether the load is in flight.
        func contains(_ id: UInt64) -> Bool { flights[id] != nil }

        /// The load of a key that may be joined.
        func current(_ key: Key) -> UInt64? { byKey[key] }

        /// Whether a load in the background should have ended.
        func isLate(_ id: UInt64, at now: Instant) -> Bool {
            flights[id]?.until.map { now >= $0 } ?? false
        }

        /// Begins a load with one waiter, which is joined by the waiters of the load that it replaces.
        mutating func begin(_ key: Key, replacing old: UInt64? = nil) -> (Start, waiter: UInt64) {
            let waiter = number(), id = number()
            let before = old.map { waiters(of: $0) } ?? [],
                former = old.flatMap { flights.removeValue(forKey: $0) }
            var flight = Flight(key: key, waiters: before + [waiter], owner: waiter)
            flight.priority = former?.priority ?? flight.priority
            fly(flight, as: id)
            byKey[key] = id
            return (Start(flight: id, owner: waiter, until: nil, replaces: old), waiter)
        }

        /// Begins a load in the background.
        mutating func refresh(_ key: Key, until: Instant) -> Start {
            let id = number()
            flights[id] = Flight(key: key, waiters: [], owner: nil, until: until)
            byKey[key] = id
            return Start(flight: id, owner: nil, until: until)
        }

        /// Waits for a load.
        mutating func join(_ id: UInt64) -> UInt64 {
            let waiter = number()
            flights[id]?.waiters.append(waiter)
            flights[id]?.waiting += 1
            waitingFor[waiter] = id
            return waiter
        }

        /// Makes the load that a waiter waits for as urgent as the waiter.
        ///
        /// - Returns: The load; nil if it does not wait any more.
        mutating func raise(_ waiter: UInt64, to priority: TaskPriority) -> UInt64? {
            guard let id = waitingFor[waiter], let flight = flights[id] else { return nil }
            if flight.priority < priority { flights[id]?.priority = priority }
            return id
        }

        /// The priority of the most urgent who has waited for a load.
        func priority(of id: UInt64) -> TaskPriority { flights[id]?.priority ?? TaskPriority(rawValue: 0) }

        /// Those that wait for a load, in the order in which they came.
        private func waiters(of id: UInt64) -> [UInt64] {
            flights[id]?.waiters.filter { waitingFor[$0] == id } ?? []
        }

        /// Takes a load out.
        ///
        /// - Returns: The load, and whether its value is to be kept.
        mutating func end(_ id: UInt64) -> (Flight, isCurrent: Bool)? {
            let waiters = waiters(of: id)
            guard var flight = flights.removeValue(forKey: id) else { return nil }
            flight.waiters = waiters
            for waiter in flight.waiters { waitingFor[waiter] = nil }
            let isCurrent = byKey[flight.key] == id
            if isCurrent { byKey[flight.key] = nil }
            return (flight, isCurrent)
        }

        /// Replaces a load by that of the next waiter. It ends after as many steps as there are waiters, since each
        /// takes one of them out.
        ///
        /// - Returns: Nil if nobody else waits.
        mutating func handOver(_ id: UInt64) -> HandOver? {
            guard var flight = flights[id] else { return nil }
            flight.waiters = waiters(of: id)
            let owner = flight.owner
            guard let next = flight.waiters.first(where: { $0 != owner }) else { return nil }
            let new = number(), isCurrent = byKey[flight.key] == id
            flights[id] = nil
            if let owner {
                flight.waiters.removeAll { $0 == owner }
                waitingFor[owner] = nil
            }
            if isCurrent { byKey[flight.key] = new }
            flight.owner = next
            flight.until = nil
            fly(flight, as: new)
            return HandOver(
                key: flight.key, isCurrent: isCurrent, owner: owner,
                start: Start(flight: new, owner: next, until: nil, replaces: id))
        }

        /// A load that was replaced by that of another waiter.
        struct HandOver: Sendable {
            let key: Key
            /// Whether the new load's value is to be kept.
            let isCurrent: Bool
            /// The waiter whose load ended, if it still waited.
            let owner: UInt64?
            let start: Start
        }

        /// Takes a waiter out, and the load with the last one.
        mutating func withdraw(_ waiter: UInt64) -> (waited: Bool, abandoned: UInt64?) {
            guard let id = waitingFor.removeValue(forKey: waiter) else { return (false, nil) }
            flights[id]?.waiting -= 1
            if let flight = flights[id], flight.waiters.count > 64, flight.waiters.count > 2 * flight.waiting
            {
                let waiters = waiters(of: id)
                flights[id]?.waiters = waiters
            }
            if flights[id]?.owner == waiter { flights[id]?.owner = nil }
            // A load in the background goes on for those who will come, but not for a key that was parted from it.
            guard let flight = flights[id], flight.waiting == 0,
                flight.until == nil || byKey[flight.key] != id
            else { return (true, nil) }
            _ = end(id)
            return (true, id)
        }

        /// Parts a key from its load: the load's waiters get its value, nobody else does.
        ///
        /// - Returns: The load if nobody waits for it; it is taken out.
        mutating func detach(_ key: Key) -> UInt64? {
            guard let id = byKey.removeValue(forKey: key), flights[id]?.waiting == 0 else {
                return nil
            }
            flights[id] = nil
            return id
        }

        private mutating func fly(_ flight: Flight, as id: UInt64) {
            flights[id] = flight
            flights[id]?.waiting = flight.waiters.count
            for waiter in flight.waiters { waitingFor[waiter] = id }
        }

        private mutating func number() -> UInt64 {
            last &+= 1
            return last
        }
    }
}
