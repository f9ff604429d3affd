import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// What calls mean whose task is cancelled, before or while they run.
@Suite struct CancelledCallersTests {
    /// What a client throws in place of a `CancellationError`.
    private struct ClientCancelled: Error {}

    private typealias Call =
        @Sendable (CircuitBreaker, @escaping @Sendable () throws -> Void) async throws ->
        Void

    private static let calls: [(name: String, call: Call)] = [
        ("run", { breaker, body in try await breaker.run { try body() } }),
        (
            "run, judging",
            { breaker, body in
                try await breaker.run(judging: { _ in .failure() }) { try body() }
            }
        ),
        ("run in place", { breaker, body in try breaker.runSynchronously(body) }),
        ("layer", { breaker, body in try await Pipeline { breaker }.run { try body() } }),
        ("layer in a task", { breaker, body in try await Pipeline { breaker }.runInTask { try body() } }),
    ]

    private let clock = VirtualClock()

    private func breaker() -> CircuitBreaker {
        CircuitBreaker(
            "test", policy: BreakerFixture.policy(), time: TimeSource(clock), chance: Chance(seed: 1))
    }

    /// Runs `work` in a task that is cancelled before it begins.
    private func cancelled(_ work: @escaping @Sendable () async throws -> Void) async -> Result<
        Void, any Error
    > {
        await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await work()
        }.result
    }

    @Test(arguments: 0..<5)
    func `a call that is cancelled before it begins does not run, and takes nothing`(index: Int) async throws
    {
        let (name, call) = Self.calls[index]
        let breaker = breaker(), ran = Mutex(0)
        let result = await cancelled { try await call(breaker) { ran.withLock { $0 += 1 } } }
        #expect(throws: CancellationError.self, "\(name)") { try result.get() }
        #expect(ran.withLock { $0 } == 0 && breaker.snapshot.calls == 0)
        // Nor is it rejected, nor does it take a probe's place.
        breaker.open()
        let rejected = await cancelled { try await call(breaker) {} }
        #expect(throws: CancellationError.self, "\(name)") { try rejected.get() }
        clock.advance(by: .seconds(5))
        let probe = await cancelled { try await call(breaker) {} }
        #expect(throws: CancellationError.self, "\(name)") { try probe.get() }
        #expect(breaker.snapshot.state == .halfOpen && breaker.snapshot.rejected == 0)
        try await call(breaker) {}
        #expect(breaker.snapshot.state == .closed)
    }

    @Test(arguments: 0..<5)
    func `an error of a cancelled task says nothing about the other side`(index: Int) async {
        let (name, call) = Self.calls[index]
        let breaker = breaker()
        for _ in 0..<10 {
            let result = await Task {
                try await call(breaker) {
                    withUnsafeCurrentTask { $0?.cancel() }
                    throw ClientCancelled()
                }
            }.result
            #expect(throws: ClientCancelled.self, "\(name)") { try result.get() }
        }
        #expect(breaker.snapshot.state == .closed && breaker.snapshot.calls == 0, "\(name)")
    }

    @Test(arguments: 0..<5)
    func `a timeout inside counts although the task is cancelled`(index: Int) async {
        let (name, call) = Self.calls[index]
        let breaker = breaker(), timedOut = Rejection(.timedOut, strategy: "inside")
        for _ in 0..<2 {
            let result = await Task {
                try await call(breaker) {
                    withUnsafeCurrentTask { $0?.cancel() }
                    throw timedOut
                }
            }.result
            #expect(throws: timedOut, "\(name)") { try result.get() }
        }
        #expect(breaker.snapshot.state == .open, "\(name)")
    }

    @Test func `the losers of a hedge do not open the breaker of a target that answers`() async throws {
        let breaker = breaker(), time = TimeSource(clock), clock = clock
        let pipeline = Pipeline {
            Hedge("hedge", policy: HedgePolicy(delay: .fixed(.seconds(1))), time: time)
            breaker
        }
        for _ in 0..<10 {
            let answer = Task {
                try await pipeline.runInTask { context -> Int in
                    guard context.attempt == 0 else { return context.attempt }
                    do { try await time.sleep(for: .seconds(60)) } catch { throw ClientCancelled() }
                    return 0
                }
            }
            await clock.untilSleepers(2)
            clock.advance(by: .seconds(1))
            #expect(try await answer.value == 1)
        }
        let snapshot = breaker.snapshot
        #expect(snapshot.state == .closed && snapshot.failures == 0 && snapshot.calls == 4)
    }

    @Test func `a timeout inside a breaker opens it, though the client throws an error of its own`() async {
        let breaker = breaker(), time = TimeSource(clock), clock = clock
        let pipeline = Pipeline {
            breaker
            Timeout("timeout", after: .seconds(1), time: time, isCancellation: { $0 is ClientCancelled })
        }
        for _ in 0..<2 {
            let answer = Task {
                try await pipeline.runInTask {
                    do { try await time.sleep(for: .seconds(60)) } catch { throw ClientCancelled() }
                }
            }
            await clock.untilSleepers(2)
            clock.advance(by: .seconds(1))
            await #expect(throws: Rejection(.timedOut, strategy: "timeout")) { try await answer.value }
        }
        #expect(breaker.snapshot.state == .open)
    }
}
