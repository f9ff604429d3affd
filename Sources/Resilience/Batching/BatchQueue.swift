/// The items of a batcher that wait, first in, first out, and who wants each of them.
///
/// An item is known by the number of its first caller; callers of equal items may share one. Every change costs O(log n)
/// at most, wherever in the queue it is.
struct BatchQueue: Sendable {
    struct Waiting: Sendable {
        let id: UInt64
        let weight: Int
        let arrived: Instant
        let key: BatchKey?
        /// Of the most urgent of its callers.
        var priority: TaskPriority
        fileprivate var previous: UInt64?
        fileprivate var next: UInt64?

        init(id: UInt64, weight: Int, arrived: Instant, key: BatchKey?, priority: TaskPriority) {
            self.id = id
            self.weight = weight
            self.arrived = arrived
            self.key = key
            self.priority = priority
        }
    }

    private var items: [UInt64: Waiting] = [:]
    private var byKey: [BatchKey: UInt64] = [:]
    private var head: UInt64?
    private var tail: UInt64?
    /// What the items weigh together.
    private(set) var weight = 0
    /// That of the most urgent item since the queue was empty.
    private(set) var priority = TaskPriority(rawValue: 0)

    var count: Int { items.count }
    /// The item that has waited longest.
    var first: Waiting? { head.flatMap { items[$0] } }

    func contains(_ id: UInt64) -> Bool { items[id] != nil }

    /// The item after another.
    func next(after item: Waiting) -> Waiting? { item.next.flatMap { items[$0] } }

    /// The item with this key that waits.
    func item(_ key: BatchKey) -> UInt64? { byKey[key] }

    mutating func append(_ item: Waiting) {
        var item = item
        item.previous = tail
        if let tail { items[tail]?.next = item.id } else { head = item.id }
        tail = item.id
        items[item.id] = item
        if let key = item.key { byKey[key] = item.id }
        weight += item.weight
        priority = items.count == 1 ? item.priority : max(priority, item.priority)
    }

    mutating func removeFirst() -> Waiting? { head.flatMap { remove($0) } }

    @discardableResult
    mutating func remove(_ id: UInt64) -> Waiting? {
        guard let item = items.removeValue(forKey: id) else { return nil }
        if let previous = item.previous { items[previous]?.next = item.next } else { head = item.next }
        if let next = item.next { items[next]?.previous = item.previous } else { tail = item.previous }
        if let key = item.key { byKey[key] = nil }
        weight -= item.weight
        return item
    }

    /// Makes an item at least as urgent as one of its callers.
    mutating func raise(_ id: UInt64, to priority: TaskPriority) {
        guard let item = items[id], item.priority < priority else { return }
        items[id]?.priority = priority
        self.priority = max(self.priority, priority)
    }
}

/// The callers of items that are wanted by more than one. An item that was never shared is not known here.
struct BatchSharers: Sendable {
    private var callers: [UInt64: Set<UInt64>] = [:]
    private var items: [UInt64: UInt64] = [:]

    var isEmpty: Bool { callers.isEmpty }

    /// The item that a caller wants.
    func item(of caller: UInt64) -> UInt64 { items[caller] ?? caller }

    /// The callers of an item that still wait, in the order in which they came; nil if it was never shared.
    func callers(of item: UInt64) -> [UInt64]? { callers[item]?.sorted() }

    /// The first of the callers of an item that still wait; an item that was never shared has its own.
    func first(of item: UInt64) -> UInt64 { callers[item]?.min() ?? item }

    /// How many callers wait for an item, which is not over.
    func count(of item: UInt64) -> Int { callers[item]?.count ?? 1 }

    /// Whether the caller waits for the item, which is not over.
    func wants(_ caller: UInt64, _ item: UInt64) -> Bool {
        callers[item]?.contains(caller) ?? (caller == item)
    }

    mutating func add(_ caller: UInt64, to item: UInt64) {
        callers[item, default: [item]].insert(caller)
        items[caller] = item
    }

    /// Lets a caller go.
    ///
    /// - Returns: Whether nobody wants its item any more.
    mutating func remove(_ caller: UInt64) -> Bool {
        let item = items.removeValue(forKey: caller) ?? caller
        callers[item]?.remove(caller)
        guard callers[item]?.isEmpty ?? true else { return false }
        callers[item] = nil
        return true
    }

    /// Forgets the callers of an item that is over.
    mutating func end(_ item: UInt64) {
        for caller in callers.removeValue(forKey: item) ?? [] { items[caller] = nil }
    }
}
