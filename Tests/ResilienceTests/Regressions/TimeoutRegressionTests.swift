import ResilienceTesting
import Testing

@testable import Resilience

/// What broke in other timeouts, and where timeouts and retries meet.
@Suite struct TimeoutRegressionTests {
    private struct Failed: Error, Equatable {}

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    private func timeout(_ seconds: Double) -> Timeout {
        Timeout("timeout", after: .seconds(seconds), time: time)
    }

    private func retry(_ attempts: Int, waiting seconds: Double) -> Retry {
        Retry(
            "retry",
            policy: RetryPolicy(
                maximumAttempts: attempts,
                backoff: Backoff(base: .seconds(seconds), growth: .constant, jitter: .none)), time: time)
    }

    @Test func `Failsafe #234: a time limit outside ends the retries inside`() async throws {
        let attempts = Recorder<Int>(), time = time
        let pipeline = Pipeline {
            timeout(10)
            retry(100, waiting: 0)
        }
        let call = Task {
            try await pipeline.runInTask { (context: CallContext) in
                attempts.record(context.attempt)
                try await time.sleep(for: .seconds(4))
                throw Failed()
            }
        }
        for second in [4.0, 8] {
            await until {
                clock.nextDeadline == Instant(sinceOrigin: .seconds(second)) && clock.sleepers >= 2
            }
            clock.advance(to: Instant(sinceOrigin: .seconds(second)))
        }
        await until { attempts.events.count >= 3 && clock.sleepers >= 2 }
        clock.advance(to: Instant(sinceOrigin: .seconds(10)))
        await #expect(throws: Rejection(.timedOut, strategy: "timeout")) { try await call.value }
        #expect(attempts.events == [0, 1, 2] && clock.sleepers == 0)
    }

    @Test func `Failsafe #234: a time limit outside ends the wait of a retry inside`() async throws {
        // Without a deadline that it could see, as when the retry is not a layer of the same pipeline.
        let retry = retry(100, waiting: 60), timeout = timeout(10), attempts = Recorder<Int>()
        let call = Task {
            try await timeout.run {
                try await retry.run { attempt in
                    attempts.record(attempt)
                    throw Failed()
                }
            }
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(10))
        await #expect(throws: Rejection(.timedOut, strategy: "timeout")) { try await call.value }
        #expect(attempts.events == [0] && clock.sleepers == 0)
    }

    @Test func `Failsafe #303, #348: attempts that hang are ended one by one, and then the call ends`()
        async throws
    {
        let attempts = Recorder<Int>(), time = time
        let pipeline = Pipeline {
            retry(3, waiting: 0)
            timeout(1)
        }
        let call = Task {
            try await pipeline.runInTask { (context: CallContext) in
                attempts.record(context.attempt)
                try await time.sleep(for: .seconds(86_400))
            }
        }
        for attempt in 1...3 {
            await until { attempts.events.count >= attempt && clock.sleepers >= 2 }
            clock.advance(by: .seconds(1))
        }
        await #expect(throws: Rejection(.timedOut, strategy: "timeout")) { try await call.value }
        #expect(attempts.events == [0, 1, 2] && clock.sleepers == 0)
    }

    @Test func `Cockatiel #69, #81: however many calls there are and however they end, one timer is left`()
        async throws
    {
        let timeout = timeout(30), time = time
        for _ in 0..<100 {
            #expect(try await timeout.run { 5 } == 5)
            await #expect(throws: Failed.self) { try await timeout.run { throw Failed() } }
            let begun = Recorder<Void>()
            let cancelled = Task {
                try await timeout.run {
                    begun.record(())
                    try await time.sleep(for: .seconds(60))
                }
            }
            await until { !begun.events.isEmpty }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            #expect(clock.sleepers <= 1)
        }
        clock.advance(by: .seconds(60))
        await until { clock.sleepers == 0 }
    }

    @Test func `failsafe-go #123: what a call gives can be read when its time limit is past`() async throws {
        let ends = Recorder<String>()
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
        continuation.onTermination = { ends.record("\($0)") }
        let answer = try await timeout(1).run { stream }
        clock.advance(by: .seconds(2))
        continuation.yield(1)
        continuation.finish()
        var numbers: [Int] = []
        for await number in answer { numbers.append(number) }
        #expect(numbers == [1] && ends.events == ["finished"])
    }
}
