import Resilience
import ResilienceTesting
import Synchronization
import Testing

@Suite struct PipelineTests {
    private struct Failed: Error, Equatable { var number = 0 }

    /// A layer that writes down when it is entered and left.
    private struct Note: ResilienceStrategy {
        let name: String
        let log: Recorder<String>

        func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
            -> Value
        {
            log.record("\(name)(")
            defer { log.record(")\(name)") }
            return try await next(context)
        }
    }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    private func retry(_ attempts: Int = 3, budget: RetryBudget? = nil) -> Retry {
        Retry(
            "retry",
            policy: RetryPolicy(maximumAttempts: attempts, backoff: Backoff(base: .zero, jitter: .none)),
            budget: budget, time: time)
    }

    @Test func `the first strategy is the outermost`() async throws {
        let log = Recorder<String>()
        let pipeline = Pipeline {
            Note(name: "a", log: log)
            Note(name: "b", log: log)
            Note(name: "c", log: log)
        }
        let value = try await pipeline.run {
            log.record("call")
            return 7
        }
        #expect(value == 7)
        #expect(log.events == ["a(", "b(", "c(", "call", ")c", ")b", ")a"])
        let erased = ErasedPipeline("e", [Note(name: "a", log: log), Note(name: "b", log: log)])
        #expect(try await erased.run { 8 } == 8)
        #expect(log.events.suffix(4) == ["a(", "b(", ")b", ")a"])
    }

    @Test func `layers inside see the attempt, the earliest deadline and the budget`() async throws {
        let budget = RetryBudget(RetryBudget.Policy(ratio: 1, minimumPerSecond: 10), time: time)
        let seen = Recorder<[Int]>()
        let pipeline = Pipeline {
            Deadline("outer", after: .seconds(5), time: time)
            retry(budget: budget)
            Deadline("inner", after: .seconds(9), time: time)
        }
        await #expect(throws: Failed.self) {
            try await pipeline.run { (context: CallContext) -> Int in
                let left = context.remaining(at: time.now) ?? .zero
                seen.record([context.attempt, Int(left / .seconds(1)), context.budget === budget ? 1 : 0])
                throw Failed()
            }
        }
        #expect(seen.events == [[0, 5, 1], [1, 5, 1], [2, 5, 1]])
    }

    @Test func `a breaker inside a retry is asked for every attempt, and its refusal ends the retry`()
        async throws
    {
        var policy = CircuitBreakerPolicy()
        policy.consecutiveFailures = 2
        let breaker = CircuitBreaker(
            "breaker", policy: policy, time: time)
        let pipeline = Pipeline {
            retry(5)
            breaker
        }
        let calls = Mutex(0)
        await #expect(throws: Rejection.self) {
            try await pipeline.run {
                calls.withLock { $0 += 1 }
                throw Failed()
            }
        }
        #expect(calls.withLock { $0 } == 2 && breaker.snapshot.state == .open)
    }

    @Test func `a call's own error passes every layer unchanged`() async throws {
        let pipeline = Pipeline {
            Timeout("timeout", after: .seconds(1), time: time)
            retry(1)
            CircuitBreaker("breaker", time: time)
            Bulkhead("bulkhead", time: time)
        }
        await #expect(throws: Failed(number: 3)) { try await pipeline.runInTask { throw Failed(number: 3) } }
    }

    @Test
    func `rejections of layers inside are no failures of what a breaker protects, but time that ran out is`()
        async throws
    {
        #expect(CircuitBreaker.judgeOfLayer(Rejection(.full, strategy: "x")) == .ignored)
        #expect(CircuitBreaker.judgeOfLayer(Rejection(.timedOut, strategy: "x")) == .failure())
        #expect(CircuitBreaker.judgeOfLayer(CancellationError()) == .ignored)
        #expect(CircuitBreaker.judgeOfLayer(Failed()) == .failure())
    }

    @Test func `a deadline that has passed lets nothing begin`() async throws {
        let pipeline = Pipeline { Deadline("inner", after: .seconds(1), time: time) }
        let late = CallContext(deadline: time.now)
        await #expect(throws: Rejection(.deadlinePassed, strategy: "inner")) {
            try await pipeline.run(late) { _ in Issue.record("it began") }
        }
    }

    @Test func `a call whose deadline had passed before it is nobody's failure and is not made again`()
        async throws
    {
        let breaker = CircuitBreaker("breaker", time: time), attempts = Mutex(0)
        let pipeline = Pipeline {
            retry(5)
            breaker
            Deadline("deadline", after: .seconds(1), time: time) { _ in attempts.withLock { $0 += 1 } }
        }
        clock.advance(by: .seconds(1))
        let expired = CallContext(deadline: Instant())
        for _ in 0..<20 {
            await #expect(throws: Rejection(.deadlinePassed, strategy: "deadline")) {
                try await pipeline.run(expired) { _ in Issue.record("it began") }
            }
        }
        #expect(breaker.snapshot.state == .closed && breaker.snapshot.calls == 0)
        #expect(attempts.withLock { $0 } == 20)
        #expect(Retry.judgeOfLayer(Rejection(.deadlinePassed, strategy: "x")) == .accept)
        for judge in [CircuitBreaker.judge, CircuitBreaker.judgeOfLayer] {
            #expect(judge(Rejection(.deadlinePassed, strategy: "x")) == .ignored)
        }
    }

    @Test func `a retry begins no wait that would reach the deadline of a layer outside`() async throws {
        let waits = Retry(
            "retry", policy: RetryPolicy(backoff: Backoff(base: .seconds(2), jitter: .none)), time: time)
        let pipeline = Pipeline {
            Deadline("deadline", after: .seconds(1), time: time)
            waits
        }
        let calls = Mutex(0)
        await #expect(throws: Failed.self) {
            try await pipeline.run {
                calls.withLock { $0 += 1 }
                throw Failed()
            }
        }
        #expect(calls.withLock { $0 } == 1)
    }

    @Test func `orders that are rarely meant are named, sensible ones are not`() {
        let breaker = CircuitBreaker("b", time: time), bulkhead = Bulkhead("k", time: time)
        let good = Pipeline {
            Deadline("d", after: .seconds(1), time: time)
            retry()
            breaker
            bulkhead
            Timeout("t", after: .seconds(1), time: time)
        }
        #expect(good.warnings.isEmpty)
        let odd = Pipeline {
            bulkhead
            breaker
            retry()
        }
        #expect(
            odd.warnings == [
                "k (bulkhead) is outside retry (retry): a call keeps its place while it waits for its next attempt",
                "b (circuitBreaker) is outside retry (retry): all attempts of a call count as one result",
            ])
        #expect(ErasedPipeline("e", [breaker, retry()]).warnings.count == 1)
    }

    @MainActor @Test func `a pipeline without layers that need a task stays on the caller's actor`()
        async throws
    {
        let pipeline = Pipeline {
            retry()
            CircuitBreaker("b", time: time)
        }
        // Not Sendable: it could not be captured if the call left the actor.
        final class Counter { var count = 0 }
        let counter = Counter()
        let value = try await pipeline.run {
            MainActor.assertIsolated()
            counter.count += 1
            return counter.count
        }
        #expect(value == 1)
    }

    @Test func `a timeout in a pipeline cancels what is inside`() async throws {
        let time = time
        let pipeline = Pipeline {
            Timeout("timeout", after: .seconds(1), time: time)
            retry()
        }
        let answer = Task { try await pipeline.runInTask { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "timeout")) { try await answer.value }
    }
}
