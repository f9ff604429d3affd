import ResilienceTesting
import Testing

@testable import Resilience

/// What broke in other bulkheads.
@Suite struct BulkheadRegressionTests {
    private let clock = VirtualClock()

    private func bulkhead(_ policy: BulkheadPolicy) -> Bulkhead {
        Bulkhead("test", policy: policy, time: TimeSource(clock))
    }

    @Test func `polly #2638: the largest limit and the largest queue do not overflow`() async throws {
        let bulkhead = bulkhead(
            BulkheadPolicy(limit: .max, queue: .max, maximumWait: .unbounded, partitions: ["a": 1]))
        #expect(try await bulkhead.run(partition: "a") { bulkhead.load.running } == 1)
        bulkhead.reconfigure(BulkheadPolicy(limit: 1, queue: .max, maximumWait: .unbounded))
        let place = try bulkhead.tryEnter()
        let waiting = Task { try await bulkhead.run(priority: .min) { 2 } }
        await until { bulkhead.load.queued >= 1 }
        bulkhead.reconfigure(BulkheadPolicy(limit: .max, queue: .max))
        #expect(try await waiting.value == 2)
        _ = consume place
    }

    @Test func `resilience4j #332: many callers, cancelled at random, leave no place behind`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 3, queue: 1000)), count = Headcount()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<500 {
                group.addTask {
                    let task = Task {
                        try await bulkhead.run {
                            count.enter()
                            for _ in 0..<index % 5 { await Task.yield() }
                            count.leave()
                        }
                    }
                    if index % 3 == 0 {
                        for _ in 0..<index % 7 { await Task.yield() }
                        task.cancel()
                    }
                    _ = await task.result
                }
            }
        }
        #expect(bulkhead.load == (0, 0))
        // Two of three are not cancelled, and there is room for all of them.
        #expect(count.most <= 3 && count.left >= 333)
    }

    @Test func `cockatiel #112: a cancelled waiter leaves the queue and the next one goes on`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1, queue: 5))
        let first = try await bulkhead.enter()
        let cancelled = Task { try await bulkhead.run { 2 } }
        await until { bulkhead.load.queued >= 1 }
        let next = Task { try await bulkhead.run { 3 } }
        await until { bulkhead.load.queued >= 2 }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(bulkhead.load.queued == 1)
        _ = consume first
        #expect(try await next.value == 3)
        #expect(bulkhead.load == (0, 0))
    }

    @Test func `resilience4j #2489: a lower limit takes no place twice and lets nobody in before its time`() {
        var machine = Bulkhead.StateMachine(BulkheadPolicy(limit: 4, queue: 10))
        let places = (0..<4).compactMap { _ -> Bulkhead.Ticket? in
            if case .admitted(let ticket) = machine.enter(at: Instant()) { return ticket }
            return nil
        }
        for _ in 0..<3 { _ = machine.enter(at: Instant()) }
        #expect(machine.reconfigure(BulkheadPolicy(limit: 2, queue: 10)).isEmpty)
        #expect(places.map { machine.leave($0).map(\.id) } == [[], [], [1], [2]])
        #expect(machine.running == 2 && machine.queue == [3])
        // And up again.
        #expect(machine.reconfigure(BulkheadPolicy(limit: 4, queue: 10)).map(\.id) == [3])
        #expect(machine.running == 3)
    }

    @Test func `cockatiel #112: ten thousand waiters can give up, the last one first, and none is left`() {
        var machine = Bulkhead.StateMachine(BulkheadPolicy(limit: 1, queue: 10_000))
        var ids: [UInt64] = []
        for index in 0...10_000 {
            if case .queued(let id, _) = machine.enter(priority: index % 3, at: Instant()) { ids.append(id) }
        }
        #expect(machine.queued == 10_000)
        #expect(ids.reversed().allSatisfy { machine.withdraw($0) } && machine.queued == 0)
        #expect(machine.leave(Bulkhead.Ticket(partition: nil, counted: true)).isEmpty && machine.running == 0)
    }

    @Test func `resilience4j #332: a call that is cancelled while it runs gives its place back`() async throws
    {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1))
        let clock = clock
        let running = Task {
            try await bulkhead.run { try await clock.sleep(until: Instant(sinceOrigin: .seconds(9))) }
        }
        await clock.untilSleepers(1)
        #expect(bulkhead.load.running == 1)
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
        #expect(bulkhead.load == (0, 0))
    }
}
