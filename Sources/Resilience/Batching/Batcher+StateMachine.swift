extension Batcher {
    /// The decisions of a batcher. They do not depend on the type of the items, so they are kept outside of it.
    typealias StateMachine = BatchStateMachine
}

/// The decisions of a batcher; no clock, lock, task or callback, and no items: it knows them by number.
///
/// The queue is first in, first out. Each caller has a number, and an item that of its first caller; where equal items are
/// merged, several callers want one item.
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

    private struct Part {
        var ids: ArraySlice<UInt64>
        var depth: Int
    }

    private struct Run {
        let first: UInt64
        /// How many of its items have no result yet and callers that still wait.
        var open: Int
        /// Of the most urgent of its callers.
        var priority: TaskPriority
        /// The parts still to be called with, the next one last.
        var parts: [Part]
        var current: Part?
        var splits = 0
    }

    let policy: BatcherPolicy
    private var controller: any BatchController
    private var load = BatchLoad()
    private var waiting = BatchQueue()
    private var sharers = BatchSharers()
    private var running: [UInt64: Run] = [:]
    /// The batch of each item that is under way and still wanted.
    private var batches: [UInt64: UInt64] = [:]
    /// Of all callers that wait for something.
    private(set) var deadlines = DeadlineHeap()
    /// Of the callers whose items are in the queue.
    private(set) var queuedDeadlines = DeadlineHeap()
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

    /// Takes an item into the queue, or finds the one there that it is merged with.
    ///
    /// - Parameters:
    ///   - weight: What it counts for where the policy bounds weight; negative counts as zero.
    ///   - deadline: When its caller must be told something.
    ///   - key: What it shares with items that it is merged with; nil if it is merged with none.
    ///   - priority: That of its caller.
    mutating func submit(
        weight: Int = 1, deadline: Instant? = nil, key: BatchKey? = nil, priority: TaskPriority = .medium,
        at now: Instant
    ) -> Admission {
        let equal = key.flatMap { waiting.item($0) }
        if let reason = refusal(weight: weight, deadline: deadline, isMerged: equal != nil, at: now) {
            tally.rejected += 1
            return .refused(reason)
        }
        lastID += 1
        tally.accepted += 1
        if let equal {
            tally.merged += 1
            sharers.add(lastID, to: equal)
            waiting.raise(equal, to: priority)
        } else {
            load.arrivals.record(at: now, longest: policy.maximumLinger * 4)
            let weight = policy.maximumWeight == nil ? 0 : max(0, weight)
            waiting.append(.init(id: lastID, weight: weight, arrived: now, key: key, priority: priority))
        }
        if let deadline {
            let entry = DeadlineHeap.Entry(deadline: deadline, id: lastID, arrived: now)
            deadlines.insert(entry)
            queuedDeadlines.insert(entry)
        }
        return .queued(lastID)
    }

    private func refusal(
        weight: Int, deadline: Instant?, isMerged: Bool, at now: Instant
    ) -> Rejection.Reason? {
        if isClosed { return .closed }
        if let most = policy.maximumWeight, weight > most { return .tooHeavy }
        if let deadline, deadline <= now { return .deadlinePassed }
        // What is merged takes no place.
        return isFull && !isMerged ? .full : nil
    }

    /// Whether no more items may wait.
    var isFull: Bool { waiting.count >= policy.queue }

    /// Lets a caller go, and its item if nobody else wants that.
    ///
    /// - Returns: Whether it still waited, and what to do if it was the last one of a batch that did.
    mutating func withdraw(_ id: UInt64) -> (left: Bool, abandoned: Action?) {
        let (left, abandoned) = remove(id)
        if left { tally.cancelled += 1 }
        return (left, abandoned)
    }

    private mutating func remove(_ caller: UInt64) -> (left: Bool, abandoned: Action?) {
        let item = sharers.item(of: caller), number = batches[item]
        guard number != nil || waiting.contains(item), sharers.wants(caller, item) else {
            return (false, nil)
        }
        deadlines.remove(caller)
        queuedDeadlines.remove(caller)
        guard sharers.remove(caller) else { return (true, nil) }
        guard let number else {
            waiting.remove(item)
            return (true, nil)
        }
        batches[item] = nil
        running[number]?.open -= 1
        return (true, isAbandoned(number) ? .abandon(number) : nil)
    }

    /// Takes note that a caller that waits has become more urgent.
    ///
    /// - Returns: The batch in which its item is under way.
    mutating func raise(_ caller: UInt64, to priority: TaskPriority) -> UInt64? {
        let item = sharers.item(of: caller)
        waiting.raise(item, to: priority)
        return batches[item]
    }

    /// The callers of those among the items that have more than one, or had.
    func sharers(among items: [UInt64]) -> [UInt64: [UInt64]] {
        guard !sharers.isEmpty else { return [:] }
        var found: [UInt64: [UInt64]] = [:]
        for item in items { found[item] = sharers.callers(of: item) }
        return found
    }

    /// The first of the callers of an item that still wait.
    func firstCaller(of item: UInt64) -> UInt64 { sharers.first(of: item) }

    // MARK: Time

    /// Tells items whose time is up, and starts the batches that are due and have a place.
    mutating func advance(at now: Instant) -> [Action] {
        var actions: [Action] = []
        while let first = deadlines.first, first.deadline <= now {
            let (_, abandoned) = remove(first.id)
            tally.expired += 1
            actions.append(.expire(first.id))
            if let abandoned { actions.append(abandoned) }
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

    /// The moment at which what waits is sent even if it is less than the aim.
    private func flushesAt(_ plan: BatchPlan) -> Instant? {
        guard let oldest = waiting.first else { return nil }
        if oldest.id <= flushed { return oldest.arrived }
        let flush = oldest.arrived.advanced(by: plan.linger)
        guard let item = queuedDeadlines.first else { return flush }
        // Nothing is known before the first batch: half of the time is left to it.
        let needed =
            load.latency.isKnown
            ? policy.target.saturating(times: load.latency.upper(size: min(waiting.count, plan.limit)))
            : item.arrived.duration(to: item.deadline) / 2
        return min(flush, item.deadline.advanced(by: .zero - needed))
    }

    /// How many items go now; nil if none do.
    private func due(at now: Instant) -> Int? {
        let plan = controller.plan(load), most = policy.maximumWeight ?? .max
        guard let flush = flushesAt(plan) else { return nil }
        let isDue = waiting.count >= plan.aim || waiting.weight >= most || now >= flush
        guard isDue || waiting.count >= policy.preferredSizes.first ?? .max else { return nil }
        var count = 0, sum = 0, next = waiting.first
        while count < plan.limit, let item = next, item.weight <= most - sum {
            sum += item.weight
            count += 1
            next = waiting.next(after: item)
        }
        return policy.preferredSizes.last { $0 <= count } ?? count
    }

    // MARK: Batches

    private mutating func start(_ count: Int) -> UInt64 {
        lastBatch += 1
        var ids: [UInt64] = [], priority = TaskPriority(rawValue: 0)
        while ids.count < count, let item = waiting.removeFirst() {
            ids.append(item.id)
            batches[item.id] = lastBatch
            priority = max(priority, item.priority)
            if queuedDeadlines.count > 0 { callers(of: item.id).forEach { queuedDeadlines.remove($0) } }
        }
        running[lastBatch] = Run(
            first: ids.first ?? 0, open: ids.count, priority: priority,
            parts: [Part(ids: ids[...], depth: 0)])
        tally.started(size: ids.count, of: policy.maximumSize)
        return lastBatch
    }

    private func callers(of item: UInt64) -> [UInt64] { sharers.callers(of: item) ?? [item] }

    /// The priority of the most urgent caller of a batch.
    func priority(of number: UInt64) -> TaskPriority {
        running[number]?.priority ?? TaskPriority(rawValue: 0)
    }

    /// The priority of the most urgent item that has waited since nothing waited.
    var queuedPriority: TaskPriority { waiting.priority }

    /// The items of a batch's next call; nil when the batch is over, which gives its place back.
    mutating func nextPart(of number: UInt64) -> [UInt64]? {
        while var run = running[number], let part = run.parts.popLast() {
            let open = part.ids.filter { batches[$0] == number }
            run.current = Part(ids: open[...], depth: part.depth)
            running[number] = run
            if !open.isEmpty { return open }
        }
        running[number] = nil
        return nil
    }

    /// Whether the batch runs though nobody waits for it any more.
    func isAbandoned(_ number: UInt64) -> Bool { running[number]?.open == 0 }

    /// Learns how the call with a batch's current part ended.
    ///
    /// - Parameter time: How long the call took.
    /// - Returns: Whether the part is split, so that its items have to wait on; else each of them gets its result.
    mutating func record(_ outcome: Outcome, of number: UInt64, took time: Duration) -> Bool {
        guard var run = running[number], let part = run.current else { return false }
        defer { running[number] = run }
        run.current = nil
        // A call that was given up by everyone says nothing.
        guard run.open > 0 else { return false }
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
        var answered = 0
        for id in part.ids where batches.removeValue(forKey: id) != nil {
            run.open -= 1
            answered += sharers.count(of: id)
            if deadlines.count > 0 { callers(of: id).forEach { deadlines.remove($0) } }
            sharers.end(id)
        }
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
            policy, plan, load.latency, queued: waiting.count, weight: waiting.weight, running: running.count)
    }
}
