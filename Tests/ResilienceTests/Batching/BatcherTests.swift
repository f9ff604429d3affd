import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite struct BatcherTests {
    private struct Poisoned: Error, Equatable { var item: Int }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }
    /// What the work was called with.
    private let calls = Recorder<[Int]>()

    /// A batcher whose work takes a second, writes numbers as words, and fails with items of which `poison` says so.
    private func batcher(
        _ policy: BatcherPolicy, takes: Duration = .zero, spawner: Spawner = .tasks,
        onEvent: (@Sendable (BatcherEvent) -> Void)? = nil,
        poison: @escaping @Sendable (Int) -> Bool = { _ in false }
    ) -> Batcher<Int, String> {
        let time = time
        return Batcher("test", policy: policy, time: time, spawner: spawner, onEvent: onEvent) {
            [calls] items in
            calls.record(items)
            try await time.sleep(for: takes)
            if let item = items.first(where: poison) { throw Poisoned(item: item) }
            return items.map { "<\($0)>" }
        }
    }

    /// Submits an item and waits until it was taken, so that items are in order.
    private func submit(
        _ item: Int, to batcher: Batcher<Int, String>, deadline: Instant? = nil
    ) async -> Task<String, any Error> {
        let accepted = batcher.snapshot.accepted
        let task = Task { try await batcher.submit(item, deadline: deadline) }
        await until { batcher.snapshot.accepted > accepted }
        return task
    }

    private func submit(_ items: ClosedRange<Int>, to batcher: Batcher<Int, String>) async -> [Task<
        String, any Error
    >] {
        var tasks: [Task<String, any Error>] = []
        for item in items { tasks.append(await submit(item, to: batcher)) }
        return tasks
    }

    // MARK: One to one

    @Test func `each caller gets the output of its own item`() async throws {
        let batcher = batcher(BatcherPolicy(.fixed(3)))
        let tasks = await submit(1...3, to: batcher)
        var outputs: [String] = []
        for task in tasks { outputs.append(try await task.value) }
        #expect(outputs == ["<1>", "<2>", "<3>"])
        #expect(calls.events == [[1, 2, 3]])
        #expect(clock.sleepers == 0)
    }

    @Test func `an item that stays alone goes when it has waited long enough`() async throws {
        let batcher = batcher(BatcherPolicy(.fixed(3), maximumLinger: .milliseconds(10)))
        let task = await submit(1, to: batcher)
        await clock.untilSleepers(1)
        #expect(clock.nextDeadline == Instant(sinceOrigin: .milliseconds(10)))
        #expect(batcher.snapshot.queued == 1)
        clock.advance(by: .milliseconds(10))
        #expect(try await task.value == "<1>")
        #expect(clock.sleepers == 0)
    }

    @Test func `an item in a hurry takes those before it along`() async throws {
        let batcher = batcher(BatcherPolicy(.fixed(9), maximumLinger: .seconds(9)))
        let patient = await submit(1, to: batcher)
        await clock.untilSleepers(1)
        let hurried = await submit(2, to: batcher, deadline: clock.now.advanced(by: .seconds(1)))
        await until { clock.nextDeadline == Instant(sinceOrigin: .milliseconds(500)) }
        clock.advance(by: .milliseconds(500))
        #expect(try await hurried.value == "<2>")
        #expect(try await patient.value == "<1>")
        #expect(calls.events == [[1, 2]])
    }

    @Test func `one item's own error is its caller's alone`() async throws {
        let batcher = Batcher<Int, String>.withResults("test", policy: BatcherPolicy(.fixed(2)), time: time) {
            [calls] in
            calls.record($0)
            return $0.map { $0 == 1 ? .failure(Poisoned(item: $0)) : .success("<\($0)>") }
        }
        let tasks = await submit(1...2, to: batcher)
        await #expect(throws: Poisoned(item: 1)) { try await tasks[0].value }
        #expect(try await tasks[1].value == "<2>")
        #expect(calls.events == [[1, 2]])
        #expect(batcher.snapshot.failed == 1)
    }

    @Test func `outputs that cannot be matched are an error for all`() async throws {
        let batcher = Batcher<Int, String>("test", policy: BatcherPolicy(.fixed(2)), time: time) { [calls] in
            calls.record($0)
            return ["one"]
        }
        for task in await submit(1...2, to: batcher) {
            await #expect(throws: OutputCountMismatch(items: 2, outputs: 1)) { try await task.value }
        }
        #expect(calls.events.count == 1, "halves would tell no more")
    }

    @Test(arguments: [true, false])
    func `the caller says which errors would befall every part of a batch`(isTotal: Bool) async throws {
        struct Down: Error {}
        let batcher = Batcher<Int, String>(
            "test", policy: BatcherPolicy(.fixed(4)), time: time, isTotal: { ($0 is Down) == isTotal }
        ) { [calls] items in
            calls.record(items)
            throw Down()
        }
        for task in await submit(1...4, to: batcher) {
            await #expect(throws: Down.self) { try await task.value }
        }
        #expect(calls.events.count == (isTotal ? 1 : 7))
        #expect(batcher.snapshot.failed == 4)
    }

    @Test func `what failed is not kept`() async throws {
        let healed = Mutex(false)
        let batcher = Batcher<Int, String>("test", policy: BatcherPolicy(.fixed(1)), time: time) { items in
            guard healed.withLock({ $0 }) else { throw Poisoned(item: items[0]) }
            return items.map { "<\($0)>" }
        }
        await #expect(throws: Poisoned(item: 3)) { try await batcher.submit(3) }
        healed.withLock { $0 = true }
        #expect(try await batcher.submit(3) == "<3>")
    }

    // MARK: Trouble in a batch

    @Test func `F72: a poison item fails alone`() async throws {
        let events = Recorder<BatcherEvent.Outcome>()
        let batcher = batcher(
            BatcherPolicy(.fixed(8)), onEvent: { events.record($0.outcome) }, poison: { $0 == 6 })
        for (index, task) in await submit(1...8, to: batcher).enumerated() {
            if index == 5 {
                await #expect(throws: Poisoned(item: 6)) { try await task.value }
            } else {
                #expect(try await task.value == "<\(index + 1)>")
            }
        }
        #expect(calls.events.count == 7)
        try await batcher.flush()
        #expect(events.events == [.split, .answered, .split, .split, .answered, .failed, .answered])
        #expect(batcher.snapshot.running == 0)
    }

    @Test func `F72: a caller whose time is up while its batch runs is told, the others are answered`()
        async throws
    {
        let batcher = batcher(BatcherPolicy(.fixed(2)), takes: .seconds(2))
        let hurried = await submit(1, to: batcher, deadline: clock.now.advanced(by: .seconds(1)))
        let patient = await submit(2, to: batcher)
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await hurried.value }
        clock.advance(by: .seconds(1))
        #expect(try await patient.value == "<2>")
        #expect(clock.sleepers == 0)
    }

    @Test func `F72: a batch that times out fails as a whole, and the next one runs`() async throws {
        let time = time, slow = Mutex(true)
        let batcher = Batcher<Int, String>("test", policy: BatcherPolicy(.fixed(2)), time: time) {
            [calls] items in
            calls.record(items)
            let wait: Duration = slow.withLock { $0 } ? .seconds(60) : .zero
            return try await Timeout("work", after: .seconds(1), time: time).run {
                try await time.sleep(for: wait)
                return items.map { "<\($0)>" }
            }
        }
        let tasks = await submit(1...2, to: batcher)
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        for task in tasks {
            await #expect(throws: Rejection(.timedOut, strategy: "work")) { try await task.value }
        }
        #expect(calls.events == [[1, 2]], "the halves of an overloaded receiver's batch only load it more")
        slow.withLock { $0 = false }
        for task in await submit(3...4, to: batcher) { _ = try await task.value }
    }

    @Test func `F72: a cancelled waiter leaves the queue, and its batch goes without it`() async throws {
        let batcher = batcher(BatcherPolicy(.fixed(3)))
        let tasks = await submit(1...2, to: batcher)
        tasks[0].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[0].value }
        #expect(batcher.snapshot.queued == 1)
        let more = await submit(3...4, to: batcher)
        for task in [tasks[1]] + more { _ = try await task.value }
        #expect(calls.events == [[2, 3, 4]])
        #expect(batcher.snapshot.cancelled == 1)
    }

    @Test func `F72: a waiter cancelled while its batch runs gets no output, the others do`() async throws {
        let batcher = batcher(BatcherPolicy(.fixed(2)), takes: .seconds(1), poison: { $0 == 9 })
        let tasks = await submit(1...2, to: batcher)
        await until { calls.events.count >= 1 }
        tasks[0].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[0].value }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        #expect(try await tasks[1].value == "<2>")
        #expect(calls.events == [[1, 2]])
    }

    @Test func `a batch that nobody waits for any more is cancelled and gives its place back`() async throws {
        let batcher = batcher(BatcherPolicy(.fixed(2), maximumRunning: 1), takes: .seconds(60))
        let tasks = await submit(1...2, to: batcher)
        await clock.untilSleepers(1)
        for task in tasks { task.cancel() }
        for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
        try await batcher.flush()
        #expect(clock.sleepers == 0)
        #expect(batcher.snapshot.running == 0)
        #expect(calls.events.count == 1)
    }

    @Test func `a batch that everyone has left before it begins is not worked on`() async throws {
        let held = Mutex<[@Sendable () async -> Void]>([])
        let spawner = Spawner { work in
            held.withLock { $0.append(work) }
            return Spawner.Spawned {}
        }
        let batcher = batcher(BatcherPolicy(.fixed(1)), spawner: spawner)
        let task = await submit(1, to: batcher)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        for work in held.withLock({ $0 }) { await work() }
        #expect(calls.events.isEmpty)
        #expect(batcher.snapshot.running == 0)
    }

    @Test func `an already cancelled caller's item is not taken, nor weighed`() async throws {
        let weighed = Recorder<Int>()
        let batcher = Batcher<Int, Int>(
            "test", policy: BatcherPolicy(.fixed(1), maximumWeight: 9), time: time,
            weighing: { item in
                weighed.record(item)
                return 1
            }
        ) { $0 }
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await batcher.submit(1)
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(weighed.events.isEmpty && batcher.snapshot.accepted == 0 && batcher.snapshot.cancelled == 0)
    }

    @Test func `a caller cancelled on its way in does not wait`() async throws {
        let batcher = Batcher<Int, Int>(
            "test", policy: BatcherPolicy(.fixed(2), maximumWeight: 9), time: time,
            weighing: { _ in
                withUnsafeCurrentTask { $0?.cancel() }
                return 1
            }
        ) { $0 }
        let task = Task { try await batcher.submit(1) }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(batcher.snapshot.cancelled == 1)
        #expect(clock.sleepers == 0)
    }

    @Test func `a batch that everyone leaves while it is being started is cancelled`() async throws {
        let caller = Mutex<Task<String, any Error>?>(nil), spawned = Mutex(0), cancelled = Recorder<Bool>()
        let spawner = Spawner { work in
            let isTimer = spawned.withLock { count in
                count += 1
                return count == 1
            }
            if isTimer { return Spawner.tasks.spawn(work) }
            caller.withLock { $0 }?.cancel()
            return Spawner.Spawned { cancelled.record(true) }
        }
        let batcher = batcher(BatcherPolicy(.fixed(2)), spawner: spawner)
        let task = await submit(1, to: batcher)
        caller.withLock { $0 = task }
        await clock.untilSleepers(1)
        // Its caller has to be waiting.
        for _ in 0..<100 { await Task.yield() }
        clock.advance(by: .seconds(1))
        await #expect(throws: CancellationError.self) { try await task.value }
        await until { !cancelled.events.isEmpty }
        #expect(cancelled.events == [true])
    }

    @Test func `each call of the work is told with its time`() async throws {
        let events = Recorder<BatcherEvent>()
        let batcher = batcher(
            BatcherPolicy(.fixed(2)), takes: .seconds(1), onEvent: { events.record($0) })
        clock.advance(by: .seconds(100))
        let tasks = await submit(1...2, to: batcher)
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        for task in tasks { _ = try await task.value }
        try await batcher.flush()
        #expect(
            events.events == [
                BatcherEvent(batcher: "test", size: 2, took: .seconds(1), outcome: .answered)
            ])
    }

    // MARK: Bounds and ends

    @Test func `items beyond the queue are rejected at once, with the time to come back`() async throws {
        var policy = BatcherPolicy(.fixed(1), maximumRunning: 1)
        policy.queue = 1
        let batcher = batcher(policy, takes: .seconds(1))
        let first = await submit(1, to: batcher)
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        _ = try await first.value
        try await batcher.flush()
        let others = await submit(2...3, to: batcher)
        let error = await #expect(throws: Rejection.self) { try await batcher.submit(4) }
        #expect(error == Rejection(.full, strategy: "test", retryAfter: .seconds(1)))
        for _ in others {
            await clock.untilSleepers(1)
            clock.advance(by: .seconds(1))
        }
        for task in others { _ = try await task.value }
    }

    @Test func `what is due makes room although its timer is late`() async throws {
        let works = Recorder<@Sendable () async -> Void>(), isLate = Mutex(true)
        let spawner = Spawner { work in
            guard isLate.withLock({ $0 }) else { return Spawner.tasks.spawn(work) }
            works.record(work)
            return Spawner.Spawned {}
        }
        let batcher = batcher(
            BatcherPolicy(.fixed(9), maximumLinger: .seconds(1), queue: 2), spawner: spawner)
        var tasks = await submit(1...2, to: batcher)
        clock.advance(by: .seconds(1))
        tasks.append(Task { try await batcher.submit(3) })
        await until { batcher.snapshot.accepted + batcher.snapshot.rejected >= 3 }
        #expect((batcher.snapshot.running, batcher.snapshot.queued) == (1, 1))
        isLate.withLock { $0 = false }
        clock.advance(by: .seconds(1))
        for work in works.events { Spawner.tasks.spawn(work) }
        try await batcher.close()
        for (number, task) in tasks.enumerated() { #expect(try await task.value == "<\(number + 1)>") }
    }

    @Test func `an item too heavy for any batch is rejected`() async throws {
        let batcher = Batcher<String, Int>(
            "test", policy: BatcherPolicy(.fixed(2), maximumWeight: 5), time: time, weighing: { $0.count }
        ) { $0.map(\.count) }
        await #expect(throws: Rejection(.tooHeavy, strategy: "test")) { try await batcher.submit("sixsix") }
        #expect(try await batcher.submit("fives") == 5)
    }

    @Test func `close sends what waits, takes no more, and returns when all have ended`() async throws {
        let batcher = batcher(BatcherPolicy(.fixed(10), maximumLinger: .seconds(9)), takes: .seconds(1))
        let tasks = await submit(1...3, to: batcher)
        let closing = Task { try await batcher.close() }
        await until { calls.events.count >= 1 }
        await #expect(throws: Rejection(.closed, strategy: "test")) { try await batcher.submit(4) }
        await until { clock.sleepers == 1 }
        clock.advance(by: .seconds(1))
        try await closing.value
        for (index, task) in tasks.enumerated() { #expect(try await task.value == "<\(index + 1)>") }
        #expect(clock.sleepers == 0)
        try await batcher.close()
    }

    @Test func `a cancelled close returns, and what runs goes on`() async throws {
        let batcher = batcher(BatcherPolicy(.fixed(1)), takes: .seconds(1))
        let task = await submit(1, to: batcher)
        await clock.untilSleepers(1)
        let closing = Task { try await batcher.close() }
        closing.cancel()
        await #expect(throws: CancellationError.self) { try await closing.value }
        clock.advance(by: .seconds(1))
        #expect(try await task.value == "<1>")
    }

    @Test func `a closed batcher is freed`() async throws {
        weak var remembered: Batcher<Int, String>?
        do {
            let batcher = batcher(BatcherPolicy(.fixed(2), maximumLinger: .seconds(9)))
            remembered = batcher
            let task = await submit(1, to: batcher)
            try await batcher.close()
            _ = try await task.value
        }
        await until { remembered == nil }
    }
}
