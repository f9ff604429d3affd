extension Batcher {
    /// The decisions of a batcher. They do not depend on the type of the items, so they are kept outside of it.
    typealias StateMachine = BatchStateMachine
}

/// The decisions of a batcher; no clock, lock, task or callback, and no items: it knows them by number.
///
/// The queue is first in, first out. Numbers ascend, so an item is found in it by halving.
struct BatchStateMachine: Sendable {
    /// The answer to an item that asks to be taken.
    enum Admission: Sendable, Hashable {
        case queued(UInt64)
        case refused(Rejection.Reason)
    }

    /// What the shell has to do.
    enum Action: Sendable, Hashable {
        /// Run the batch of this number: ask for its parts until there are no more.
        case start(UInt64)
        /// Tell the item that its time is up.
        case expire(UInt64)
        /// Cancel the batch of this number: nobody waits for it any more.
        case abandon(UInt64)
    }

    /// How a call with one part of a batch ended.
    enum Outcome: Sendable, Hashable {
        /// With a result for each item, `failed` of which are errors.
        case answered(failed: Int = 0)
        /// With an error. A total one would befall every part alike, so it is not split.
        case failed(total: Bool)
    }

    private struct Waiting {
        let id: UInt64
        let weight: Int
        let arrived: Instant
        let deadline: Instant?
    }

    private struct Part {
        var ids: ArraySlice<UInt64>
        var depth: Int
    }

    private struct Run {
        let first: UInt64
        /// The items that have no result yet and whose callers still wait.
        var open: Set<UInt64>
        /// The parts still to be called with, the next one last.
        var parts: [Part]
        var current: Part?
        var splits = 0
    }

    let policy: BatcherPolicy
    private var controller: any BatchController
    private var load = BatchLoad()
    private var waiting: [Waiting] = []
    private var weight = 0
    /// The item in the queue whose deadline comes first.
    private var mostUrgent: Waiting?
    private var running: [UInt64: Run] = [:]
    private(set) var deadlines = DeadlineHeap()
    private var lastID: UInt64 = 0
    private var lastBatch: UInt64 = 0
    /// Items up to this number wait no longer than for a place.
    private var flushed: UInt64 = 0
    private(set) var isClosed = false
    private var tally = BatchTally()

    init(_ policy: BatcherPolicy) {
        self.policy = policy.inRange
        controller = self.policy.controller
    }

    // MARK: Items

    /// Takes an item into the queue.
    ///
    /// - Parameters:
    ///   - weight: What it counts for where the policy bounds weight; negative counts as zero.
    ///   - deadline: When its caller must be told something.
    mutating func submit(weight: Int = 1, deadline: Instant? = nil, at now: Instant) -> Admission {
        if let reason = refusal(weight: weight, deadline: deadline, at: now) {
            tally.rejected += 1
            return .refused(reason)
        }
        load.arrivals.record(at: now, longest: policy.maximumLinger * 4)
        lastID += 1
        let item = Waiting(
            id: lastID, weight: policy.maximumWeight == nil ? 0 : max(0, weight), arrived: now,
            deadline: deadline)
        waiting.append(item)
        self.weight += item.weight
        tally.accepted += 1
        if let deadline {
            deadlines.insert(.init(deadline: deadline, id: item.id))
            if mostUrgent?.deadline.map({ deadline < $0 }) ?? true { mostUrgent = item }
        }
        return .queued(item.id)
    }

    private func refusal(weight: Int, deadline: Instant?, at now: Instant) -> Rejection.Reason? {
        if isClosed { return .closed }
        if let most = policy.maximumWeight, weight > most { return .tooHeavy }
        if let deadline, deadline <= now { return .timedOut }
        return isFull ? .full : nil
    }

    /// Whether no more items may wait.
    var isFull: Bool { waiting.count >= policy.queue }

    /// Lets an item go whose caller waits no longer.
    ///
    /// - Returns: Whether it still waited, and what to do if it was the last one that did.
    mutating func withdraw(_ id: UInt64) -> (left: Bool, abandoned: Action?) {
        let (left, abandoned) = remove(id)
        if left { tally.cancelled += 1 }
        return (left, abandoned)
    }

    private mutating func remove(_ id: UInt64) -> (left: Bool, abandoned: Action?) {
        if let index = index(of: id) {
            weight -= waiting.remove(at: index).weight
            if mostUrgent?.id == id { findMostUrgent() }
            return (true, nil)
        }
        guard let number = running.first(where: { $0.value.open.contains(id) })?.key else {
            return (false, nil)
        }
        running[number]?.open.remove(id)
        return (true, running[number]?.open.isEmpty == true ? .abandon(number) : nil)
    }

    private func index(of id: UInt64) -> Int? {
        var low = 0, high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < waiting.count && waiting[low].id == id ? low : nil
    }

    private mutating func findMostUrgent() {
        mostUrgent = waiting.reduce(nil) { best, item in
            guard let deadline = item.deadline else { return best }
            return best?.deadline.map { deadline < $0 } ?? true ? item : best
        }
    }

    // MARK: Time

    /// Tells items whose time is up, and starts the batches that are due and have a place.
    mutating func advance(at now: Instant) -> [Action] {
        var actions: [Action] = []
        while let first = deadlines.first, first.deadline <= now || !isOpen(first.id) {
            deadlines.removeFirst()
            let (left, abandoned) = remove(first.id)
            guard left else { continue }
            tally.expired += 1
            actions.append(.expire(first.id))
            if let abandoned { actions.append(abandoned) }
        }
        // Items that were answered in time leave their deadlines behind.
        if deadlines.count > 64, deadlines.count > 2 * unfinished {
            let machine = self
            deadlines.keep { machine.isOpen($0) }
        }
        while running.count < policy.maximumRunning, let count = due(at: now) {
            actions.append(.start(start(count)))
        }
        return actions
    }

    /// When ``advance(at:)`` has something to do next, as far as that is known now.
    var wakesAt: Instant? {
        let flush = running.count < policy.maximumRunning ? flushesAt(controller.plan(load)) : nil
        guard let deadline = deadlines.first?.deadline else { return flush }
        return flush.map { min($0, deadline) } ?? deadline
    }

    private func isOpen(_ id: UInt64) -> Bool {
        index(of: id) != nil || running.values.contains { $0.open.contains(id) }
    }

    private var unfinished: Int { running.values.reduce(waiting.count) { $0 + $1.open.count } }

    /// The moment at which what waits is sent even if it is less than the aim.
    private func flushesAt(_ plan: BatchPlan) -> Instant? {
        guard let oldest = waiting.first else { return nil }
        if oldest.id <= flushed { return oldest.arrived }
        let flush = oldest.arrived.advanced(by: plan.linger)
        guard let item = mostUrgent, let deadline = item.deadline else { return flush }
        // Nothing is known before the first batch: half of the time is left to it.
        let needed =
            load.latency.isKnown
            ? policy.target.saturating(times: load.latency.upper(size: min(waiting.count, plan.limit)))
            : item.arrived.duration(to: deadline) / 2
        return min(flush, deadline.advanced(by: .zero - needed))
    }

    /// How many items go now; nil if none do.
    private func due(at now: Instant) -> Int? {
        let plan = controller.plan(load), most = policy.maximumWeight ?? .max
        guard let flush = flushesAt(plan) else { return nil }
        let isDue = waiting.count >= plan.aim || weight >= most || now >= flush
        guard isDue || waiting.count >= policy.preferredSizes.first ?? .max else { return nil }
        var count = 0, sum = 0
        while count < min(waiting.count, plan.limit), waiting[count].weight <= most - sum {
            sum += waiting[count].weight
            count += 1
        }
        return policy.preferredSizes.last { $0 <= count } ?? count
    }

    // MARK: Batches

    private mutating func start(_ count: Int) -> UInt64 {
        let items = waiting.prefix(count)
        waiting.removeFirst(count)
        weight -= items.reduce(0) { $0 + $1.weight }
        if let urgent = mostUrgent, items.contains(where: { $0.id == urgent.id }) { findMostUrgent() }
        lastBatch += 1
        let ids = items.map(\.id)
        running[lastBatch] = Run(
            first: ids.first ?? 0, open: Set(ids), parts: [Part(ids: ids[...], depth: 0)])
        tally.started(size: count, of: policy.maximumSize)
        return lastBatch
    }

    /// The items of a batch's next call; nil when the batch is over, which gives its place back.
    mutating func nextPart(of number: UInt64) -> [UInt64]? {
        while var run = running[number], let part = run.parts.popLast() {
            let open = part.ids.filter { run.open.contains($0) }
            run.current = Part(ids: open[...], depth: part.depth)
            running[number] = run
            if !open.isEmpty { return open }
        }
        running[number] = nil
        return nil
    }

    /// Whether the batch runs though nobody waits for it any more.
    func isAbandoned(_ number: UInt64) -> Bool { running[number]?.open.isEmpty ?? false }

    /// Learns how the call with a batch's current part ended.
    ///
    /// - Parameter time: How long the call took.
    /// - Returns: Whether the part is split, so that its items have to wait on; else each of them gets its result.
    mutating func record(_ outcome: Outcome, of number: UInt64, took time: Duration) -> Bool {
        guard var run = running[number], let part = run.current else { return false }
        defer { running[number] = run }
        run.current = nil
        // A call that was given up by everyone says nothing.
        guard !run.open.isEmpty else { return false }
        learn(outcome, size: part.ids.count, took: time)
        if outcome == .failed(total: false), part.ids.count > 1, part.depth < policy.splitDepth,
            run.splits < policy.maximumSplits
        {
            let half = part.ids.startIndex + (part.ids.count + 1) / 2
            run.parts.append(Part(ids: part.ids[half...], depth: part.depth + 1))
            run.parts.append(Part(ids: part.ids[..<half], depth: part.depth + 1))
            run.splits += 1
            tally.splits += 1
            return true
        }
        let answered = part.ids.count { run.open.remove($0) != nil }
        tally.settled(answered, outcome)
        return false
    }

    private mutating func learn(_ outcome: Outcome, size: Int, took time: Duration) {
        let time = max(0, time / policy.target)
        switch outcome {
        case .answered:
            load.latency.record(size: size, time: time)
            controller.finished(size: size, time: time, load)
            tally.called(size: size, targets: time)
        case .failed(let total):
            // One bad item says nothing about the size; a receiver that refuses whole batches may be overloaded.
            if total { controller.finished(size: size, time: nil, load) }
            tally.called(size: 0, targets: time)
        }
    }

    // MARK: Ends

    /// Sends what waits now without waiting for more.
    ///
    /// - Returns: The number of the last item that this is about.
    mutating func flush() -> UInt64 {
        flushed = lastID
        return lastID
    }

    /// Takes no more items and sends what waits.
    mutating func close() -> UInt64 {
        isClosed = true
        return flush()
    }

    /// Whether nothing up to this number waits or runs.
    func isDone(upTo mark: UInt64) -> Bool {
        (waiting.first.map { $0.id > mark } ?? true) && running.values.allSatisfy { $0.first > mark }
    }

    // MARK: What it shows

    /// When another batch will have made room, as predicted; nil before the first one.
    var expectedRelief: Duration? {
        guard load.latency.isKnown else { return nil }
        return policy.target.saturating(times: load.latency.mean(size: controller.plan(load).limit))
    }

    var snapshot: BatcherSnapshot {
        let plan = controller.plan(load)
        return tally.snapshot(
            policy, plan, load.latency, queued: waiting.count, weight: weight, running: running.count)
    }
}
