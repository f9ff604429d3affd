import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct BulkheadTests {
    private let clock = VirtualClock()

    private func bulkhead(_ policy: BulkheadPolicy) -> Bulkhead {
        Bulkhead("test", policy: policy, time: TimeSource(clock))
    }

    @Test func `calls beyond the limit and the queue are rejected at once`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1, queue: 1))
        let first = try await bulkhead.enter()
        let waiting = Task { try await bulkhead.run { 2 } }
        await until { bulkhead.load.queued >= 1 }
        await #expect(throws: Rejection(.full, strategy: "test")) { try await bulkhead.run { 3 } }
        #expect(throws: Rejection.self) { _ = try bulkhead.tryEnter() }
        _ = consume first
        #expect(try await waiting.value == 2)
        #expect(bulkhead.load == (0, 0))
    }

    @Test func `a call that must get through takes no place and gives none back`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1))
        let first = try bulkhead.tryEnter()
        #expect(try await bulkhead.run(bypass: true) { 1 } == 1)
        let second = try await bulkhead.enter(bypass: true), third = try bulkhead.tryEnter(bypass: true)
        #expect(bulkhead.load == (1, 0))
        _ = consume second
        _ = consume third
        #expect(throws: Rejection(.full, strategy: "test")) { _ = try bulkhead.tryEnter() }
        _ = consume first
        #expect(bulkhead.load == (0, 0))
        #expect(try await bulkhead.run { 2 } == 2)
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

    @Test func `a place is given back when the operation throws`() async {
        struct Failed: Error {}
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1))
        for _ in 0..<3 { await #expect(throws: Failed.self) { try await bulkhead.run { throw Failed() } } }
        #expect(bulkhead.load == (0, 0))
    }

    @Test func `calls of higher priority go first and push the last of the lowest out of a full queue`()
        async throws
    {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1, queue: 2)), order = Recorder<Int>()
        let first = try await bulkhead.enter()
        func begin(_ priority: Int) async -> Task<Void, any Error> {
            let queued = bulkhead.load.queued
            let task = Task { try await bulkhead.run(priority: priority) { order.record(priority) } }
            await until { bulkhead.load.queued >= min(queued + 1, 2) }
            return task
        }
        let low = await begin(0), lower = await begin(-1), high = await begin(7)
        await #expect(throws: Rejection(.displaced, strategy: "test")) { try await lower.value }
        _ = consume first
        _ = try await (low.value, high.value)
        #expect(order.events == [7, 0] && bulkhead.load == (0, 0))
    }

    @Test func `a pipeline's call tells its priority`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1, queue: 1))
        let pipeline = Pipeline { bulkhead }
        let first = try await bulkhead.enter()
        let low = Task { try await pipeline.run { _ in 1 } }
        await until { bulkhead.load.queued >= 1 }
        let high = Task { try await pipeline.run(CallContext(priority: 1)) { _ in 2 } }
        await #expect(throws: Rejection(.displaced, strategy: "test")) { try await low.value }
        _ = consume first
        #expect(try await high.value == 2)
    }

    @Test func `a raised limit wakes waiters, a lowered one takes effect as calls end`() async throws {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 1, queue: 5, maximumWait: .seconds(60)))
        let first = try await bulkhead.enter()
        let waiting = Task { try await bulkhead.run { 2 } }
        await until { bulkhead.load.queued >= 1 }
        bulkhead.reconfigure(BulkheadPolicy(limit: 2, queue: 5))
        #expect(try await waiting.value == 2)
        let second = try bulkhead.tryEnter()
        bulkhead.reconfigure(BulkheadPolicy(limit: 1))
        #expect(bulkhead.policy.limit == 1 && bulkhead.load.running == 2)
        _ = consume second
        #expect(throws: Rejection.self) { _ = try bulkhead.tryEnter() }
        _ = consume first
        let last = try bulkhead.tryEnter()
        #expect(bulkhead.load.running == 1)
        _ = consume last
    }

    @Test func `limits change while many callers come, go and give up, and no place is lost`() async {
        let bulkhead = bulkhead(BulkheadPolicy(limit: 3, queue: 50)), count = Headcount()
        let refused = Recorder<Rejection.Reason>()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<500 {
                group.addTask {
                    if index % 10 == 0 {
                        // The last of them is the highest.
                        bulkhead.reconfigure(BulkheadPolicy(limit: 1 + (index / 10 + 6) % 7, queue: 50))
                    }
                    let task = Task {
                        try await bulkhead.run(priority: index % 4) {
                            count.enter()
                            for _ in 0..<index % 5 { await Task.yield() }
                            count.leave()
                        }
                    }
                    if index % 3 == 0 {
                        for _ in 0..<index % 7 { await Task.yield() }
                        task.cancel()
                    }
                    let isCancelled = index % 3 == 0
                    do { try await task.value } catch let rejection as Rejection {
                        refused.record(rejection.reason)
                    } catch {
                        #expect(error is CancellationError && isCancelled, "\(error)")
                    }
                }
            }
        }
        #expect(bulkhead.load == (0, 0))
        #expect(count.most <= 7)
        #expect(refused.events.allSatisfy { $0 == .full || $0 == .displaced })
        // Whoever was neither cancelled nor refused has run.
        #expect(count.left >= max(3, 333 - refused.events.count))
    }
}
