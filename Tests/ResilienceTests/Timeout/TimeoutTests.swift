import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct TimeoutTests {
    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    @Test func `a call within its time gives its result`() async throws {
        let timeout = Timeout("test", after: .seconds(1), time: TimeSource(clock))
        #expect(try await timeout.run { 5 } == 5)
    }

    @Test func `a call whose time is up is cancelled and rejected`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(1), time: time)
        let task = Task { try await timeout.run { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await task.value }
    }

    @Test func `a result that comes after the time is up is not taken for one`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(1), time: time)
        let task = Task {
            try await timeout.run {
                try? await time.sleep(for: .seconds(60))
                return 5
            }
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await task.value }
    }

    @Test func `the operation's own error passes through`() async {
        struct Failed: Error {}
        let timeout = Timeout("test", after: .seconds(1), time: TimeSource(clock))
        await #expect(throws: Failed.self) { try await timeout.run { throw Failed() } }
    }

    @Test func `a caller that is cancelled gets a CancellationError, not a rejection`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(1), time: time)
        let task = Task { try await timeout.run { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `calls of one timeout end each at its own time`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(2), time: time)
        let first = Task { try await timeout.run { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        let second = Task {
            try await timeout.run { try await time.sleep(for: .seconds(60)) }
        }
        await clock.untilSleepers(3)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection.self) { try await first.value }
        // The second one's own sleep and the timer's.
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection.self) { try await second.value }
    }

    // MARK: Values and errors that come too late

    @Test func `a value that comes after the time is up is given to who disposes of it, once`() async throws {
        let time = time, timeout = Timeout("test", after: .seconds(1), time: time)
        let discarded = Recorder<Int>()
        #expect(try await timeout.run(discard: discarded.record) { 4 } == 4)
        #expect(discarded.events.isEmpty)
        let task = Task {
            try await timeout.run(discard: discarded.record) {
                try? await time.sleep(for: .seconds(60))
                return 5
            }
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await task.value }
        #expect(discarded.events == [5])
    }

    private struct Failed: Error {}
    private struct GaveUp: Error {}

    /// What a call gets whose operation throws `failure` when it is cancelled.
    private func outcome(
        of failure: any Error, isCancellation: (@Sendable (any Error) -> Bool)? = nil
    ) async -> (any Error)? {
        let time = time
        let timeout = Timeout("test", after: .seconds(1), time: time, isCancellation: isCancellation)
        let task = Task {
            try await timeout.run {
                do { try await time.sleep(for: .seconds(60)) } catch { throw failure }
            }
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        do { try await task.value } catch { return error }
        return nil
    }

    @Test func `the operation's own error is thrown even when the time was up before`() async {
        #expect(await outcome(of: Failed()) is Failed)
        let inner = Rejection(.circuitOpen, strategy: "inside")
        #expect(await outcome(of: inner) as? Rejection == inner)
        #expect(
            await outcome(of: CancellationError()) as? Rejection == Rejection(.timedOut, strategy: "test"))
    }

    @Test func `a client's own words for its cancellation are what the timeout made of it`() async {
        let outcome = await outcome(of: GaveUp(), isCancellation: { $0 is GaveUp })
        #expect(outcome as? Rejection == Rejection(.timedOut, strategy: "test"))
        #expect(await self.outcome(of: Failed(), isCancellation: { $0 is GaveUp }) is Failed)
        // One that comes in time is the operation's own.
        let timeout = Timeout("test", after: .seconds(1), time: time, isCancellation: { $0 is GaveUp })
        await #expect(throws: GaveUp.self) { try await timeout.run { throw GaveUp() } }
    }

    // MARK: Cancellation

    @Test func `nothing runs for a caller that was cancelled before`() async {
        let ran = Recorder<Int>(), time = time, spawned = HoldingSpawner(starting: 0)
        let timeout = Timeout("test", after: .seconds(1), time: time, spawner: spawned.spawner)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await #expect(throws: CancellationError.self) { try await timeout.run { ran.record(1) } }
            await #expect(throws: CancellationError.self) {
                try await timeout.run(CallContext(deadline: time.now), concurrently: { _ in ran.record(2) })
            }
        }
        await task.value
        #expect(ran.events.isEmpty && spawned.held == 0)
    }

    @Test func `the handlers of calls whose time is up run beside each other, and not on the sleeper`()
        async throws
    {
        let handled = Recorder<Int>(), time = time, spawned = HoldingSpawner(starting: 1)
        let timeout = Timeout("test", after: .seconds(1), time: time, spawner: spawned.spawner)
        let calls = (0..<8).map { number in
            Task {
                try await timeout.run {
                    try await withTaskCancellationHandler {
                        try await time.sleep(for: .seconds(60))
                    } onCancel: {
                        handled.record(number)
                    }
                }
            }
        }
        await clock.untilSleepers(9)
        clock.advance(by: .seconds(1))
        // The sleeper has gone through all of them, and each has its own task to run its handler.
        await until { spawned.held == 8 }
        #expect(handled.events.isEmpty)
        await spawned.release()
        for call in calls {
            await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await call.value }
        }
        #expect(handled.events.sorted() == Array(0..<8))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a call that ends while it is cancelled waits without a thread`() async throws {
        // Its executor runs it within its own cancellation: were it to keep the thread, neither would go on.
        let time = time, timeout = Timeout("test", after: .seconds(1), time: time)
        let task = Task(executorPreference: InlineExecutor()) {
            try await timeout.run { try await time.sleep(for: .seconds(60)) }
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await task.value }
    }
}
