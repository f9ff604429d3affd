extension Bulkhead {
    /// A call that waits for a place.
    struct Waiter: Sendable, Hashable {
        let id: UInt64
        let priority: Int
        let partition: String?
        /// When it has waited as long as it may; nil for never.
        let until: Instant?
    }

    /// The calls that wait: those of higher priority first, those of the same in the order in which they came.
    ///
    /// Adding, taking the first and taking the last are as good as constant for a few priorities, taking one out is
    /// logarithmic: a queue of thousands whose callers all give up at once costs no more than one that drains.
    struct Queue: Sendable {
        /// The waiters of one priority, by their ascending numbers.
        private struct Lane {
            let priority: Int
            private(set) var slots: [(waiter: Waiter, gone: Bool)] = []
            private(set) var head = 0
            private(set) var live = 0

            init(_ priority: Int) { self.priority = priority }

            mutating func append(_ waiter: Waiter) {
                slots.append((waiter, false))
                live += 1
            }

            func index(of id: UInt64) -> Int? {
                var low = head, high = slots.count
                while low < high {
                    let middle = (low + high) / 2
                    if slots[middle].waiter.id < id { low = middle + 1 } else { high = middle }
                }
                return low < slots.count && slots[low].waiter.id == id && !slots[low].gone ? low : nil
            }

            func firstIndex(where matches: (Waiter) -> Bool) -> Int? {
                slots[head...].firstIndex { !$0.gone && matches($0.waiter) }
            }

            /// Takes one out, and with it what has gone around it.
            mutating func remove(at index: Int) -> Waiter {
                let waiter = slots[index].waiter
                slots[index].gone = true
                live -= 1
                while head < slots.count, slots[head].gone { head += 1 }
                while let last = slots.last, last.gone, slots.count > head { slots.removeLast() }
                if slots.count > 2 * live + 32 {
                    slots.removeAll(where: \.gone)
                    head = 0
                }
                return waiter
            }
        }

        /// The highest priority first; none is empty.
        private var lanes: [Lane] = []
        /// No waiter's time is up before.
        private var earliest: Instant?
        private(set) var count = 0

        /// The waiters in the order in which they would get a place.
        var all: [Waiter] {
            lanes.flatMap { $0.slots.filter { !$0.gone }.map(\.waiter) }
        }

        /// Adds a waiter, whose number is higher than all before.
        mutating func append(_ waiter: Waiter) {
            let place = lanes.firstIndex { $0.priority <= waiter.priority } ?? lanes.endIndex
            if place == lanes.endIndex || lanes[place].priority != waiter.priority {
                lanes.insert(Lane(waiter.priority), at: place)
            }
            lanes[place].append(waiter)
            count += 1
            if let until = waiter.until { earliest = min(earliest ?? until, until) }
        }

        /// Takes the first waiter that `matches`.
        mutating func popFirst(where matches: (Waiter) -> Bool = { _ in true }) -> Waiter? {
            for lane in lanes.indices {
                if let index = lanes[lane].firstIndex(where: matches) { return remove(at: index, in: lane) }
            }
            return nil
        }

        /// Takes the waiter that came last of those with the lowest priority, if that is lower than `priority`.
        mutating func popLast(below priority: Int) -> Waiter? {
            guard let last = lanes.indices.last, lanes[last].priority < priority else { return nil }
            return remove(at: lanes[last].slots.count - 1, in: last)
        }

        /// Takes a waiter out.
        ///
        /// - Returns: False if it does not wait.
        mutating func remove(_ id: UInt64) -> Bool {
            for lane in lanes.indices {
                if let index = lanes[lane].index(of: id) {
                    _ = remove(at: index, in: lane)
                    return true
                }
            }
            return false
        }

        /// Takes out the waiters whose time is up.
        mutating func removeLate(at now: Instant) -> [UInt64] {
            guard let earliest, now >= earliest else { return [] }
            let late = all.filter { $0.until.map { now >= $0 } ?? false }.map(\.id)
            for id in late { _ = remove(id) }
            self.earliest = all.compactMap(\.until).min()
            return late
        }

        private mutating func remove(at index: Int, in lane: Int) -> Waiter {
            let waiter = lanes[lane].remove(at: index)
            if lanes[lane].live == 0 { lanes.remove(at: lane) }
            count -= 1
            return waiter
        }
    }
}
