extension RateLimiter {
    /// A call that waits for its permits.
    struct Waiter: Sendable {
        let id: UInt64
        let permits: Int
        /// When it passes, in nanoseconds of the clock, or earlier where somebody before it has left.
        var due: Int64
        /// When its caller believes that it passes.
        var told: Int64
    }

    /// The calls that wait, in the order in which they came: first those whose permits are taken and whose callers have
    /// only to wake up, then the open ones, whose permits can be given back.
    ///
    /// Adding, taking the first open one and taking one out cost O(log n) on average: a queue of thousands whose callers
    /// all give up costs no more than one that drains.
    struct Queue: Sendable {
        /// By ascending numbers; those who left stay until they are most.
        private var slots: [(waiter: Waiter, isGone: Bool)] = []
        /// Where the first open waiter is; the end if there is none.
        private var firstOpen = 0
        private(set) var count = 0

        /// The places from the first open waiter to the last, with those of some that left.
        var openPlaces: Range<Int> { firstOpen..<slots.count }
        /// The first open waiter.
        var first: Waiter? { firstOpen < slots.count ? slots[firstOpen].waiter : nil }

        /// Who waits at a place; nil if it has left.
        func waiter(at place: Int) -> Waiter? { slots[place].isGone ? nil : slots[place].waiter }

        func isOpen(_ place: Int) -> Bool { place >= firstOpen }
        func isLast(_ place: Int) -> Bool { place == slots.count - 1 }

        /// The place of a waiter; nil if it does not wait.
        func place(of id: UInt64) -> Int? {
            var low = 0, high = slots.count
            while low < high {
                let middle = (low + high) / 2
                if slots[middle].waiter.id < id { low = middle + 1 } else { high = middle }
            }
            return low < slots.count && slots[low].waiter.id == id && !slots[low].isGone ? low : nil
        }

        /// Adds a waiter, whose number is higher than all before.
        mutating func append(_ waiter: Waiter) {
            slots.append((waiter, false))
            count += 1
        }

        /// Says when a waiter passes.
        mutating func expect(_ due: Int64, at place: Int) { slots[place].waiter.due = due }

        /// Notes that a waiter will be told when it passes.
        ///
        /// - Returns: What it is to be told; nil if it knows already.
        mutating func tell(at place: Int) -> Move? {
            let waiter = slots[place].waiter
            guard waiter.due < waiter.told else { return nil }
            slots[place].waiter.told = waiter.due
            return Move(id: waiter.id, due: waiter.due)
        }

        /// Closes the first open waiter.
        mutating func close() {
            firstOpen += 1
            skipGone()
        }

        mutating func closeAll() { firstOpen = slots.count }

        /// Takes a waiter out. The places of others may be different then.
        mutating func remove(at place: Int) {
            slots[place].isGone = true
            count -= 1
            skipGone()
            while let last = slots.last, last.isGone, slots.count > firstOpen { slots.removeLast() }
            guard slots.count > 2 * count + 32 else { return }
            let closed = slots[..<firstOpen].count { !$0.isGone }
            slots.removeAll(where: \.isGone)
            firstOpen = closed
        }

        private mutating func skipGone() {
            while firstOpen < slots.count, slots[firstOpen].isGone { firstOpen += 1 }
        }
    }
}
