/// Decides which entries of a cache stay: W-TinyLFU over numbered places, in O(1) a step.
///
/// New entries pass through a small window (1 % of the capacity). What falls out of it enters the main part only if it
/// was asked for more often than what it would displace. The main part is segmented: entries begin on probation, move to
/// the protected segment (80 % of the main part) when they are asked for again, and are displaced from the end of the
/// probation. Source: Einziger, Eytan, Friedman, Manes, "Adaptive Software Cache Management" (2018), and Caffeine's
/// `BoundedLocalCache`. Unlike there, the window does not adapt, and a heavy entry displaces either all it needs or
/// nothing. One that would displace more than ``reach`` others is not let in, but those of them that it has won against go:
/// so whoever holds the lock takes a bounded time, and the entry finds room when it comes again.
///
/// The lists are linked by index.
@usableFromInline
struct TinyLFU: Sendable {
    /// Where an entry is.
    enum Segment: UInt8, Sendable { case none, window, probation, protected }

    /// The entries that one step may displace, and that it may move to another segment.
    static var reach: Int { 1024 }

    struct Node: Sendable {
        var hash: UInt64 = 0
        var weight = 0
        var newer: Int32 = -1
        var older: Int32 = -1
        var segment = Segment.none
    }

    /// A list from the entry used last to the one used least lately.
    private struct List: Sendable {
        var newest: Int32 = -1
        var oldest: Int32 = -1
        var weight = 0
    }

    /// What all entries may weigh together.
    let capacity: Int
    /// What the window may weigh: 1 % of the capacity, at least 1.
    let windowLimit: Int
    /// What the protected segment may weigh: 80 % of what is not the window's.
    let protectedLimit: Int

    private(set) var nodes = Slots<Node>()
    private var window = List()
    private var probation = List()
    private var protected = List()
    private(set) var sketch = FrequencySketch()
    private var chance: Chance
    private var count = 0
    /// Entries that were displaced.
    private(set) var evictions = 0
    /// Entries that were not let in.
    private(set) var rejections = 0

    /// Creates an empty one; `capacity` is taken as at least 1.
    init(capacity: Int, chance: Chance) {
        self.capacity = min(max(1, capacity), Int.max / 4)
        windowLimit = max(1, self.capacity / 100)
        protectedLimit = (self.capacity - windowLimit) / 5 * 4 + (self.capacity - windowLimit) % 5 * 4 / 5
        self.chance = chance
    }

    /// What all entries weigh now.
    var weight: Int { window.weight + probation.weight + protected.weight }
    /// What each segment weighs now.
    var weights: (window: Int, probation: Int, protected: Int) {
        (window.weight, probation.weight, protected.weight)
    }

    /// The segment of an entry.
    func segment(of slot: Int) -> Segment {
        slot >= 0 && slot < nodes.count ? nodes[slot].segment : .none
    }

    /// How often the key with this hash was asked for lately, up to 15.
    func frequency(of hash: UInt64) -> Int { sketch.frequency(of: hash) }

    /// Counts a call for a key that has no entry.
    mutating func missed(_ hash: UInt64) { sketch.increment(hash) }

    /// Counts a use of an entry and moves it where it belongs now.
    @usableFromInline
    mutating func touch(_ slot: Int) {
        sketch.increment(nodes[slot].hash)
        promote(Int32(truncatingIfNeeded: slot))
    }

    /// Puts a new entry into a free place.
    ///
    /// - Parameters:
    ///   - slot: A place that is free; numbers are to be used densely from 0.
    ///   - weight: What it weighs; at least 1 is counted.
    /// - Returns: The places that are free now, perhaps this one too.
    mutating func insert(_ slot: Int, hash: UInt64, weight: Int) -> [Int] {
        guard weight <= capacity else {
            rejections += 1
            return [slot]
        }
        while nodes.count <= slot { nodes.append(Node()) }
        count += 1
        sketch.grow(toHold: count)
        nodes[slot].hash = hash
        nodes[slot].weight = max(1, weight)
        link(Int32(truncatingIfNeeded: slot), into: .window)
        return settle(Int32(truncatingIfNeeded: slot))
    }

    /// Changes what an entry weighs, which counts as no use of it.
    ///
    /// - Returns: The places that are free now, perhaps this one too.
    mutating func reweigh(_ slot: Int, to weight: Int) -> [Int] {
        guard nodes[slot].weight != max(1, weight) else { return [] }
        guard weight <= capacity else {
            rejections += 1
            remove(slot)
            return [slot]
        }
        let index = Int32(truncatingIfNeeded: slot), segment = nodes[slot].segment
        unlink(index)
        nodes[slot].weight = max(1, weight)
        link(index, into: segment == .protected && weight > protectedLimit ? .probation : segment)
        demote(for: index)
        return settle(index)
    }

    /// Takes an entry out.
    mutating func remove(_ slot: Int) {
        guard segment(of: slot) != .none else { return }
        unlink(Int32(truncatingIfNeeded: slot))
        count -= 1
    }

    /// Takes all entries out; what was asked for is still known.
    ///
    /// - Returns: What is to be freed outside the lock.
    mutating func removeAll() -> any Sendable {
        defer {
            nodes = Slots()
            (window, probation, protected) = (List(), List(), List())
            count = 0
        }
        return nodes
    }

    // MARK: Segments

    private mutating func promote(_ index: Int32) {
        let node = nodes[Int(index)]
        guard node.newer >= 0 || node.segment == .probation else { return }
        unlink(index)
        let moves = node.segment == .probation && node.weight <= protectedLimit
        link(index, into: moves ? .protected : node.segment)
        if moves { demote(for: index) }
    }

    /// Sends what the protected segment cannot hold since `index` is in it back on probation; `index` itself, if too many
    /// would have to go for it.
    private mutating func demote(for index: Int32) {
        var moved = 0
        while protected.weight > protectedLimit, protected.oldest >= 0 {
            let next = moved < Self.reach ? protected.oldest : index
            unlink(next)
            link(next, into: .probation)
            moved += 1
        }
    }

    /// Lets what falls out of the window into the main part, or out of the cache, since `new` weighs what it does.
    private mutating func settle(_ new: Int32) -> [Int] {
        var freed: [Int] = [], displaced = 0
        if window.weight > windowLimit {
            // All leave the window before the first is judged, so that none has to make room for another.
            var candidates: [Int32] = []
            while window.weight > windowLimit, window.oldest >= 0 {
                let next = candidates.count < Self.reach ? window.oldest : new
                candidates.append(next)
                unlink(next)
            }
            for candidate in candidates { admit(candidate, &freed, &displaced) }
        }
        // The main part may use room that the window did not need, and gives it back; an entry that grew is no newcomer
        // to be judged. In both cases the least used go.
        while weight > capacity, displaced < Self.reach, let victim = oldest(butFor: -1) {
            displaced += 1
            freed.append(evict(victim))
        }
        if weight > capacity {
            unlink(new)
            reject(new, &freed)
        }
        return freed
    }

    private mutating func admit(_ candidate: Int32, _ freed: inout [Int], _ displaced: inout Int) {
        var excess = weight + nodes[Int(candidate)].weight - capacity
        guard excess > 0 else { return link(candidate, into: .probation) }
        let frequency = sketch.frequency(of: nodes[Int(candidate)].hash)
        var victims: [Int32] = []
        var victim = oldest(butFor: -1)
        while excess > 0, displaced < Self.reach {
            guard let next = victim, wins(frequency, over: next) else { return reject(candidate, &freed) }
            displaced += 1
            victims.append(next)
            excess -= nodes[Int(next)].weight
            victim = oldest(butFor: next)
        }
        for victim in victims { freed.append(evict(victim)) }
        if excess > 0 { reject(candidate, &freed) } else { link(candidate, into: .probation) }
    }

    private mutating func reject(_ index: Int32, _ freed: inout [Int]) {
        rejections += 1
        count -= 1
        freed.append(Int(index))
    }

    /// Whether a newcomer of this frequency displaces `victim`.
    ///
    /// Of newcomers that are asked for often but not more often, a few get in by chance: else somebody who knows keys
    /// that collide with theirs could keep useless entries in for ever (Caffeine, 1 in 128 from a frequency of 6).
    private mutating func wins(_ frequency: Int, over victim: Int32) -> Bool {
        if frequency > sketch.frequency(of: nodes[Int(victim)].hash) { return true }
        return frequency >= 6 && chance.next() & 127 == 0
    }

    /// The entry to go first, or the one to go after `previous`: probation, protected, window, each from its old end.
    private func oldest(butFor previous: Int32) -> Int32? {
        var passed = Segment.none
        if previous >= 0 {
            let node = nodes[Int(previous)]
            if node.newer >= 0 { return node.newer }
            passed = node.segment
        }
        if passed == .none, probation.oldest >= 0 { return probation.oldest }
        if passed == .none || passed == .probation, protected.oldest >= 0 { return protected.oldest }
        if passed != .window, window.oldest >= 0 { return window.oldest }
        return nil
    }

    private mutating func evict(_ index: Int32) -> Int {
        unlink(index)
        count -= 1
        evictions += 1
        return Int(index)
    }

    // MARK: Lists

    private mutating func link(_ index: Int32, into segment: Segment) {
        nodes[Int(index)].segment = segment
        switch segment {
        case .none: break
        case .window: Self.push(index, to: &window, &nodes)
        case .probation: Self.push(index, to: &probation, &nodes)
        case .protected: Self.push(index, to: &protected, &nodes)
        }
    }

    private mutating func unlink(_ index: Int32) {
        switch nodes[Int(index)].segment {
        case .none: break
        case .window: Self.pull(index, from: &window, &nodes)
        case .probation: Self.pull(index, from: &probation, &nodes)
        case .protected: Self.pull(index, from: &protected, &nodes)
        }
        nodes[Int(index)].segment = .none
    }

    private static func push(_ index: Int32, to list: inout List, _ nodes: inout Slots<Node>) {
        nodes[Int(index)].newer = -1
        nodes[Int(index)].older = list.newest
        if list.newest >= 0 { nodes[Int(list.newest)].newer = index } else { list.oldest = index }
        list.newest = index
        list.weight += nodes[Int(index)].weight
    }

    private static func pull(_ index: Int32, from list: inout List, _ nodes: inout Slots<Node>) {
        let node = nodes[Int(index)]
        if node.newer >= 0 { nodes[Int(node.newer)].older = node.older } else { list.newest = node.older }
        if node.older >= 0 { nodes[Int(node.older)].newer = node.newer } else { list.oldest = node.newer }
        list.weight -= node.weight
    }
}
