import Synchronization

/// Gathers items of many callers into batches, and gives each caller the output of its own item.
///
/// ```swift
/// let batcher = Batcher("embeddings", policy: BatcherPolicy(maximumSize: 64)) { texts in try await embed(texts) }
/// let vector = try await batcher.submit(text)
/// ```
///
/// The work returns one output for each item, in the same order. When it throws, the batch is tried again in halves,
/// down to single items, so that a bad item fails alone; the work must therefore bear to get an item again, up to
/// ``BatcherPolicy/splitDepth`` times. Nothing is kept after a call: the same item submitted again is worked on again.
///
/// A cancelled caller's item leaves the queue; is its batch under way, its output is dropped, and a batch that nobody
/// waits for any more is cancelled. It keeps its place until the work has ended, so work that may hang needs a
/// ``Timeout`` inside. An already cancelled caller's item is not taken. A batch runs in a task of its own, with the
/// priority of the most urgent of its callers, and without the task-local values of any, unless its spawner says otherwise.
///
/// Equal items are sent once for all their callers where ``BatchMerging`` says so.
public final class Batcher<Item: Sendable, Output: Sendable>: Sendable {
    private typealias Results = [Result<Output, any Error>]

    /// The name that rejections and events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: BatcherPolicy

    private let guarded: Mutex<Guarded>
    private let time: TimeSource
    private let spawner: Spawner
    private let weigh: @Sendable (Item) -> Int
    private let merging: BatchMerging<Item>
    private let isTotal: @Sendable (any Error) -> Bool
    private let onEvent: (@Sendable (BatcherEvent) -> Void)?
    private let process: @Sendable ([Item]) async throws -> [Result<Output, any Error>]

    /// Creates a batcher whose work succeeds or fails as a whole.
    ///
    /// - Parameters:
    ///   - spawner: Where batches run. Default: ``Spawner/sharing``.
    ///   - merging: Which items are sent once for all their callers. Default: none.
    ///   - weigh: What an item counts for. Called once for each item, if the policy bounds the weight. Default: 1.
    ///   - isTotal: Whether an error would befall every part of a batch alike, so that halving it is of no use. By
    ///     default that is a `CancellationError` or a ``Rejection``.
    ///   - onEvent: Called after each call of the work, outside the lock.
    ///   - process: The work: one output for each item, in order.
    public convenience init(
        _ name: String, policy: BatcherPolicy = BatcherPolicy(), time: TimeSource = TimeSource(),
        spawner: Spawner = .sharing, merging: BatchMerging<Item> = .none,
        weighing weigh: @escaping @Sendable (Item) -> Int = { _ in 1 },
        isTotal: @escaping @Sendable (any Error) -> Bool = { $0 is CancellationError || $0 is Rejection },
        onEvent: (@Sendable (BatcherEvent) -> Void)? = nil,
        process: @escaping @Sendable ([Item]) async throws -> [Output]
    ) {
        self.init(
            each: { try await process($0).map { .success($0) } }, name, policy, time, spawner, merging, weigh,
            isTotal, onEvent)
    }

    /// Creates a batcher whose work gives each item a result of its own, so that one may fail and its neighbours not.
    ///
    /// An error that is one item's result goes to its caller and causes no split; one that `process` throws is treated
    /// as by ``init(_:policy:time:spawner:merging:weighing:isTotal:onEvent:process:)``.
    public static func withResults(
        _ name: String, policy: BatcherPolicy = BatcherPolicy(), time: TimeSource = TimeSource(),
        spawner: Spawner = .sharing, merging: BatchMerging<Item> = .none,
        weighing weigh: @escaping @Sendable (Item) -> Int = { _ in 1 },
        isTotal: @escaping @Sendable (any Error) -> Bool = { $0 is CancellationError || $0 is Rejection },
        onEvent: (@Sendable (BatcherEvent) -> Void)? = nil,
        process: @escaping @Sendable ([Item]) async throws -> [Result<Output, any Error>]
    ) -> Batcher {
        Batcher(each: process, name, policy, time, spawner, merging, weigh, isTotal, onEvent)
    }

    private init(
        each process: @escaping @Sendable ([Item]) async throws -> [Result<Output, any Error>],
        _ name: String, _ policy: BatcherPolicy, _ time: TimeSource, _ spawner: Spawner,
        _ merging: BatchMerging<Item>, _ weigh: @escaping @Sendable (Item) -> Int,
        _ isTotal: @escaping @Sendable (any Error) -> Bool,
        _ onEvent: (@Sendable (BatcherEvent) -> Void)?
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.policy = policy
        self.time = time
        self.spawner = spawner
        self.merging = merging
        self.weigh = weigh
        self.isTotal = isTotal
        self.onEvent = onEvent
        self.process = process
        guarded = Mutex(Guarded(machine: StateMachine(policy)))
    }

    // MARK: Items

    /// Puts an item into a batch and waits for its output.
    ///
    /// - Parameters:
    ///   - deadline: When the caller wants its answer, on the batcher's clock. The batch is sent early enough for it as
    ///     far as can be predicted; at the deadline the caller is told, and the item leaves as if it were cancelled.
    /// - Throws: `CancellationError`, before anything is taken if the caller is cancelled already; ``Rejection`` with
    ///   reason `full`, `tooHeavy`, `closed`, `deadlinePassed` or `timedOut`; ``OutputCountMismatch``; else the work's own
    ///   error.
    public func submit(_ item: Item, deadline: Instant? = nil) async throws -> Output {
        try Task.checkCancellation()
        let weight = policy.maximumWeight == nil ? 1 : weigh(item), key = merging.key?(item)
        let priority = Task.currentPriority, now = time.now
        let (admission, relief) = change(at: now) { guarded, effects in
            // Timers ring late on a busy machine: what is due makes room first.
            if guarded.machine.isFull { advance(to: now, &guarded, &effects) }
            let admission = guarded.machine.submit(
                weight: weight, deadline: deadline, key: key, priority: priority, at: now)
            if case .queued(let id) = admission { guarded.items[id] = item }
            // It waits for the timer too, however far that is from its own batch.
            guarded.timer?.work.raise(to: priority).map { effects.steps.append($0) }
            return (admission, admission == .refused(.full) ? guarded.machine.expectedRelief : nil)
        }
        switch admission {
        case .queued(let id): return try await answer(to: id, submittedAt: priority).get()
        case .refused(let reason): throw Rejection(reason, strategy: name, retryAfter: relief)
        }
    }

    private func answer(
        to id: UInt64, submittedAt priority: TaskPriority
    ) async -> Result<Output, any Error> {
        await withTaskCancellationHandler {
            await withUrgency {
                // Read where the handler below is told of what comes later.
                let now = Task.currentPriority
                if now > priority { guarded.withLock { $0.raise(id, to: now) }?() }
                return await withCheckedContinuation { waiter in
                    guarded.withLock { $0.waiters.suspend(id, waiter) }?()
                }
            } onEscalated: { priority in
                self.guarded.withLock { $0.raise(id, to: priority) }?()
            }
        } onCancel: {
            change(at: time.now) { guarded, effects in
                let (left, abandoned) = guarded.machine.withdraw(id)
                guard left else { return }
                guarded.settle(id, .failure(CancellationError()), &effects)
                if let abandoned { perform(abandoned, &guarded, &effects) }
            }
        }
    }

    // MARK: Ends

    /// Sends what waits now without waiting for more, and returns when all of it, and what runs, has ended.
    ///
    /// - Throws: `CancellationError` when the caller is cancelled while it waits; what was sent goes on.
    public func flush() async throws {
        try await drain(upTo: change(at: time.now) { guarded, _ in guarded.machine.flush() })
    }

    /// Takes no more items, and returns when those that were taken have ended. Can be called again.
    ///
    /// - Throws: `CancellationError` when the caller is cancelled while it waits; the batcher is closed all the same.
    public func close() async throws {
        try await drain(upTo: change(at: time.now) { guarded, _ in guarded.machine.close() })
    }

    private func drain(upTo mark: UInt64) async throws {
        let id = guarded.withLock { guarded in
            guarded.nextID += 1
            return guarded.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = guarded.withLock { guarded in
                    if guarded.machine.isDone(upTo: mark) || guarded.cancelledDrains.contains(id) {
                        return true
                    }
                    guarded.drains[id] = Drain(mark: mark, waiter: waiter)
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            guarded.withLock { guarded in
                guarded.cancelledDrains.insert(id)
                return guarded.drains.removeValue(forKey: id)
            }?.waiter.resume()
        }
        if guarded.withLock({ $0.cancelledDrains.remove(id) }) != nil { throw CancellationError() }
    }

    /// Its counts and settings now.
    public var snapshot: BatcherSnapshot { guarded.withLock { $0.machine.snapshot } }

    // MARK: Batches

    private func run(_ number: UInt64) async {
        while let (ids, items) = part(of: number) {
            let begun = time.now, result: Result<Results, any Error>
            do {
                let outputs = try await process(items)
                result =
                    outputs.count == items.count
                    ? .success(outputs)
                    : .failure(OutputCountMismatch(items: items.count, outputs: outputs.count))
            } catch {
                result = .failure(error)
            }
            settle(number, ids, result, took: time.now.since(begun))
        }
        change(at: time.now) { guarded, _ in guarded.works[number] = nil }
    }

    private func part(of number: UInt64) -> (ids: [UInt64], items: [Item])? {
        guarded.withLock { guarded in
            guard let ids = guarded.machine.nextPart(of: number) else { return nil }
            let items = ids.compactMap { guarded.items[guarded.machine.firstCaller(of: $0)] }
            return (ids, items)
        }
    }

    private func settle(
        _ number: UInt64, _ ids: [UInt64], _ result: Result<Results, any Error>, took: Duration
    ) {
        let isTotal = befallsAll(result)
        let ended: BatcherEvent.Outcome = if case .success = result { .answered } else { .failed }
        change(at: time.now) { guarded, effects in
            let sharers = guarded.machine.sharers(among: ids)
            let outcome = outcome(result, isTotal: isTotal, of: ids, sharers)
            let isSplit = guarded.machine.record(outcome, of: number, took: took)
            if onEvent != nil {
                effects.event = BatcherEvent(
                    batcher: name, size: ids.count, took: took, outcome: isSplit ? .split : ended)
            }
            guard !isSplit else { return }
            for (index, id) in ids.enumerated() {
                let result = result.flatMap { $0[index] }
                for caller in sharers[id] ?? [id] { guarded.settle(caller, result, &effects) }
            }
        }
    }

    private func befallsAll(_ result: Result<Results, any Error>) -> Bool {
        guard case .failure(let error) = result else { return false }
        return error is OutputCountMismatch || isTotal(error)
    }

    private func outcome(
        _ result: Result<Results, any Error>, isTotal: Bool, of ids: [UInt64], _ sharers: [UInt64: [UInt64]]
    ) -> StateMachine.Outcome {
        guard case .success(let outputs) = result else { return .failed(total: isTotal) }
        var failed = 0
        for (id, output) in zip(ids, outputs) {
            if case .failure = output { failed += sharers[id]?.count ?? 1 }
        }
        return .answered(failed: failed)
    }

    // MARK: Changes

    /// Changes the state, then does what follows from it and from the time.
    private func change<Answer: Sendable>(
        at now: Instant, _ body: (inout Guarded, inout Effects) -> Answer
    ) -> Answer {
        let (answer, effects) = guarded.withLock { guarded in
            var effects = Effects()
            let answer = body(&guarded, &effects)
            advance(to: now, &guarded, &effects)
            guarded.setTimer(&effects)
            guarded.endDrains(&effects)
            return (answer, effects)
        }
        if let event = effects.event { onEvent?(event) }
        for resume in effects.answers { resume() }
        for step in effects.steps { step() }
        for waiter in effects.drained { waiter.resume() }
        for number in effects.starts { start(number) }
        if let timer = effects.timer { start(timer.id, at: timer.at) }
        return answer
    }

    private func advance(to now: Instant, _ guarded: inout Guarded, _ effects: inout Effects) {
        for action in guarded.machine.advance(at: now) { perform(action, &guarded, &effects) }
    }

    private func perform(
        _ action: StateMachine.Action, _ guarded: inout Guarded, _ effects: inout Effects
    ) {
        switch action {
        case .start(let number):
            guarded.works[number] = SharedWork(
                at: Task.currentPriority, wanted: guarded.machine.priority(of: number))
            effects.starts.append(number)
        case .expire(let id): guarded.settle(id, .failure(Rejection(.timedOut, strategy: name)), &effects)
        case .abandon(let number):
            guarded.works[number]?.giveUp().map { effects.steps.append($0) }
        }
    }

    private func start(_ number: UInt64) {
        let work = spawner.spawn { await self.run(number) }
        guarded.withLock { $0.works[number]?.know(work) }?()
    }

    private func start(_ timer: UInt64, at moment: Instant) {
        let work = spawner.spawn {
            guard (try? await self.time.sleep(until: moment)) != nil else { return }
            // A clock may wake its sleepers a little early.
            self.change(at: max(moment, self.time.now)) { guarded, _ in
                if guarded.timer?.id == timer { guarded.timer = nil }
            }
        }
        guarded.withLock { guarded -> SharedWork.Step? in
            guard guarded.timer?.id == timer else { return .cancel(work) }
            return guarded.timer?.work.know(work)
        }?()
    }
}
