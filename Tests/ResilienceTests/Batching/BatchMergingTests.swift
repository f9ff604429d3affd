import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct BatchMergingTests: BatchPlay {
    private struct Poisoned: Error, Equatable { var item: Int }

    // MARK: Decisions

    /// Submits an item that equals others of the same number.
    private func add(
        _ number: Int, deadline: Instant? = nil, to machine: inout BatchStateMachine, at now: Instant
    ) -> BatchStateMachine.Admission {
        machine.submit(deadline: deadline, key: BatchKey(number), at: now)
    }

    @Test func `equal items that wait are one, and every caller of it counts`() {
        var machine = fixed(2)
        #expect(add(7, to: &machine, at: at(0)) == .queued(1))
        #expect(add(7, to: &machine, at: at(0)) == .queued(2))
        #expect(machine.snapshot.queued == 1)
        #expect(sent(&machine, at: at(0)).isEmpty, "it is one of two")
        #expect(add(8, to: &machine, at: at(0)) == .queued(3))
        #expect(sent(&machine, at: at(0)) == [[1, 3]])
        #expect(machine.sharers(among: [1, 3]) == [1: [1, 2]])
        end(1, in: &machine)
        let snapshot = machine.snapshot
        #expect((snapshot.accepted, snapshot.merged, snapshot.answered) == (3, 1, 3))
        #expect(machine.sharers(among: [1, 3]).isEmpty)
    }

    @Test func `an item is not merged with one that is under way`() {
        var machine = fixed(1)
        #expect(add(7, to: &machine, at: at(0)) == .queued(1))
        #expect(sent(&machine, at: at(0)) == [[1]])
        #expect(add(7, to: &machine, at: at(0)) == .queued(2))
        #expect(sent(&machine, at: at(0)) == [[2]])
        #expect(machine.snapshot.merged == 0)
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `a caller that leaves takes the item along only if nobody else wants it`(first: UInt64) {
        var machine = fixed(9)
        _ = add(7, to: &machine, at: at(0))
        _ = add(7, to: &machine, at: at(0))
        #expect(machine.withdraw(first) == (true, nil))
        #expect(machine.withdraw(first) == (false, nil))
        #expect(machine.snapshot.queued == 1 && machine.firstCaller(of: 1) == 3 - first)
        #expect(add(7, to: &machine, at: at(1)) == .queued(3), "it can still be joined")
        #expect(machine.snapshot.queued == 1)
        #expect(machine.withdraw(3 - first) == (true, nil))
        #expect(machine.withdraw(3) == (true, nil))
        #expect(machine.snapshot.queued == 0 && machine.snapshot.cancelled == 3)
        #expect(machine.wakesAt == nil)
    }

    @Test func `a batch is abandoned when the last caller of its last item leaves`() {
        var machine = fixed(1, running: 1)
        _ = add(6, to: &machine, at: at(0))
        #expect(sent(&machine, at: at(0)) == [[1]])
        for _ in 0..<3 { _ = add(7, to: &machine, at: at(0)) }
        end(1, in: &machine)
        #expect(sent(&machine, at: at(0)) == [[2]])
        #expect(machine.withdraw(2) == (true, nil))
        #expect(machine.withdraw(4) == (true, nil))
        #expect(machine.withdraw(3) == (true, .abandon(2)))
        #expect(machine.isAbandoned(2))
    }

    @Test func `each caller has a deadline of its own, and the first of them hurries the item`() {
        var machine = fixed(9, linger: .seconds(9), running: 1)
        _ = add(7, to: &machine, at: at(0))
        #expect(add(7, deadline: at(110), to: &machine, at: at(10)) == .queued(2))
        #expect(machine.wakesAt == at(60), "half of its time is left to the work")
        #expect(sent(&machine, at: at(60)) == [[1]])
        #expect(machine.wakesAt == at(110))
        #expect(machine.advance(at: at(110)) == [.expire(2)])
        #expect(machine.sharers(among: [1]) == [1: [1]])
        end(1, in: &machine)
        #expect((machine.snapshot.answered, machine.snapshot.expired) == (1, 1))
        #expect(machine.deadlines.count == 0 && machine.queuedDeadlines.count == 0)
    }

    @Test func `what is merged takes no place in a full queue`() {
        var policy = BatcherPolicy(.fixed(9))
        policy.queue = 1
        var machine = BatchStateMachine(policy)
        #expect(add(7, to: &machine, at: at(0)) == .queued(1))
        #expect(add(8, to: &machine, at: at(0)) == .refused(.full))
        #expect(add(7, to: &machine, at: at(0)) == .queued(2))
        #expect(add(7, deadline: at(0), to: &machine, at: at(0)) == .refused(.deadlinePassed))
        _ = machine.close()
        #expect(add(7, to: &machine, at: at(0)) == .refused(.closed))
    }

    @Test func `the most urgent caller of an item, whenever it came, makes its batch urgent`() {
        var machine = fixed(2)
        _ = machine.submit(key: BatchKey(7), priority: .background, at: at(0))
        _ = machine.submit(key: BatchKey(7), priority: .medium, at: at(0))
        #expect(machine.raise(2, to: .high) == nil)
        _ = machine.submit(priority: .low, at: at(0))
        #expect(sent(&machine, at: at(0)) == [[1, 3]])
        #expect(machine.priority(of: 1) == .high)
        #expect(machine.raise(2, to: .high) == 1)
    }

    // MARK: Calls

    private let clock = VirtualClock(), calls = Recorder<[Int]>()

    private func submit(
        _ items: [Int], to batcher: Batcher<Int, String>
    ) async -> [Task<String, any Error>] {
        var tasks: [Task<String, any Error>] = []
        for item in items {
            let accepted = batcher.snapshot.accepted
            tasks.append(Task { try await batcher.submit(item) })
            await until { batcher.snapshot.accepted > accepted }
        }
        return tasks
    }

    private func batcher(
        _ size: Int, merging: BatchMerging<Int>, poison: Int? = nil
    ) -> Batcher<Int, String> {
        Batcher(
            "test", policy: BatcherPolicy(.fixed(size), maximumLinger: .seconds(1)), time: TimeSource(clock),
            merging: merging
        ) { [calls] items in
            calls.record(items)
            if let poison, items.contains(poison) { throw Poisoned(item: poison) }
            return items.map { "<\($0)>" }
        }
    }

    @Test func `equal items of a window are sent once, and all their callers get the output`() async throws {
        let batcher = batcher(3, merging: .equal)
        let tasks = await submit([1, 2, 1, 1, 3], to: batcher)
        var outputs: [String] = []
        for task in tasks { outputs.append(try await task.value) }
        #expect(outputs == ["<1>", "<2>", "<1>", "<1>", "<3>"])
        #expect(calls.events == [[1, 2, 3]])
        for task in await submit([1, 2, 3], to: batcher) { _ = try await task.value }
        #expect(calls.events == [[1, 2, 3], [1, 2, 3]], "nothing is kept")
        #expect(clock.sleepers == 0)
    }

    @Test func `items are what their key says, and each is sent where none is named`() async throws {
        let parity = batcher(2, merging: .by { $0 % 2 })
        var outputs: [String] = []
        for task in await submit([4, 6, 5], to: parity) { outputs.append(try await task.value) }
        #expect(outputs == ["<4>", "<4>", "<5>"])
        for task in await submit([1, 1], to: batcher(2, merging: .none)) { _ = try await task.value }
        #expect(calls.events == [[4, 5], [1, 1]])
    }

    @Test func `all callers of a bad item get its error, and the others their outputs`() async throws {
        let batcher = batcher(2, merging: .equal, poison: 1)
        let tasks = await submit([1, 1, 2], to: batcher)
        for task in tasks.prefix(2) {
            await #expect(throws: Poisoned(item: 1)) { try await task.value }
        }
        #expect(try await tasks[2].value == "<2>")
        #expect(calls.events == [[1, 2], [1], [2]])
        #expect((batcher.snapshot.failed, batcher.snapshot.answered) == (2, 1))
    }

    @Test func `a result of its own that is an error counts for each caller of the item`() async throws {
        let batcher = Batcher<Int, String>.withResults(
            "test", policy: BatcherPolicy(.fixed(2)), time: TimeSource(clock), merging: .equal
        ) { $0.map { $0 == 1 ? .failure(Poisoned(item: 1)) : .success("<\($0)>") } }
        let tasks = await submit([1, 1, 1, 2], to: batcher)
        for task in tasks.prefix(3) {
            await #expect(throws: Poisoned(item: 1)) { try await task.value }
        }
        #expect(try await tasks[3].value == "<2>")
        #expect((batcher.snapshot.failed, batcher.snapshot.answered) == (3, 1))
    }

    @Test(arguments: [0, 1])
    func `a cancelled caller of a merged item leaves it to the other`(leaving: Int) async throws {
        let batcher = batcher(9, merging: .equal)
        let tasks = await submit([1, 1], to: batcher)
        tasks[leaving].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[leaving].value }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        #expect(try await tasks[1 - leaving].value == "<1>")
        #expect(calls.events == [[1]])
    }
}
