import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct BulkheadTests {
    private let clock = VirtualClock()

    private func bulkhead(_ policy: BulkheadPolicy) -> Bulkhead {
        Bulkhead("test", policy: policy, time: TimeSource(clock))
    }

    private func untilQueued(_ bulkhead: Bulkhead, _ count: Int) async {
        while bulkhead.load.queued < count { await Task.yield() }
    }

    @Test func `calls beyond the limit and the queue are rejected at once`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1, queue: 1))
        let first = try await bulkhead.enter()
        let waiting = Task { try await bulkhead.run { 2 } }
        await untilQueued(bulkhead, 1)
        await #expect(throws: Rejection(.full, strategy: "test")) { try await bulkhead.run { 3 } }
        #expect(throws: Rejection.self) { _ = try bulkhead.tryEnter() }
        _ = consume first
        #expect(try await waiting.value == 2)
        #expect(bulkhead.load == (0, 0))
    }

    @Test func `a waiter whose time is up is rejected`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1, queue: 5, maximumWait: .seconds(1)))
        let first = try await bulkhead.enter()
        let waiting = Task { try await bulkhead.run { 2 } }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.waitedTooLong, strategy: "test")) { try await waiting.value }
        _ = consume first
        #expect(bulkhead.load == (0, 0))
    }

    @Test func `a cancelled waiter leaves the queue and the next one goes on`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1, queue: 5))
        let first = try await bulkhead.enter()
        let cancelled = Task { try await bulkhead.run { 2 } }
        await untilQueued(bulkhead, 1)
        let next = Task { try await bulkhead.run { 3 } }
        await untilQueued(bulkhead, 2)
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(bulkhead.load.queued == 1)
        _ = consume first
        #expect(try await next.value == 3)
        #expect(bulkhead.load == (0, 0))
    }

    @Test func `a place is given back when the operation throws`() async {
        struct Failed: Error {}
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1))
        for _ in 0..<3 { await #expect(throws: Failed.self) { try await bulkhead.run { throw Failed() } } }
        #expect(bulkhead.load == (0, 0))
    }

    @Test func `many callers, cancelled at random, leave no place behind`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 3, queue: 1000)), most = Recorder<Int>()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<500 {
                group.addTask {
                    let task = Task {
                        try await bulkhead.run {
                            most.record(bulkhead.load.running)
                            for _ in 0..<index % 5 { await Task.yield() }
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
        #expect(most.events.allSatisfy { $0 <= 3 })
    }
}
