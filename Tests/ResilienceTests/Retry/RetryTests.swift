import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct RetryTests {
    private struct Failed: Error, Equatable { var number: Int }

    private let clock = VirtualClock()

    private func retry(_ policy: RetryPolicy, budget: RetryBudget? = nil) -> Retry {
        Retry("test", policy: policy, budget: budget, time: TimeSource(clock), chance: Chance(seed: 1))
    }

    private static let fixed = Backoff(base: .seconds(1), growth: .constant, jitter: .none)

    @Test func `it waits between attempts and gives the first good result`() async throws {
        let retry = retry(RetryPolicy(maximumAttempts: 3, backoff: Self.fixed)), attempts = Recorder<Int>()
        async let result = retry.run { attempt in
            attempts.record(attempt)
            if attempt < 2 { throw Failed(number: attempt) }
            return "ok"
        }
        for _ in 0..<2 {
            await clock.untilSleepers(1)
            clock.advance(by: .seconds(1))
        }
        #expect(try await result == "ok")
        #expect(attempts.events == [0, 1, 2])
        #expect(clock.now.sinceOrigin == .seconds(2))
    }

    @Test func `the last error comes through unchanged`() async {
        let retry = retry(RetryPolicy(maximumAttempts: 3, backoff: Backoff(base: .zero)))
        await #expect(throws: Failed(number: 2)) { try await retry.run { throw Failed(number: $0) } }
    }

    @Test func `a wait that would reach the deadline is not begun`() async {
        let retry = retry(RetryPolicy(maximumAttempts: 9, backoff: Self.fixed)), attempts = Recorder<Int>()
        await #expect(throws: Failed(number: 0)) {
            try await retry.run(deadline: Instant(sinceOrigin: .seconds(1))) { attempt in
                attempts.record(attempt)
                throw Failed(number: attempt)
            }
        }
        #expect(attempts.events == [0] && clock.sleepers == 0)
    }

    @Test func `a call that is cancelled before a wait of no time is not made again`() async {
        let attempts = Recorder<Int>()
        let retry = Retry(
            "test", policy: RetryPolicy(backoff: Backoff(base: .zero)), time: TimeSource(clock),
            onEvent: { _ in withUnsafeCurrentTask { $0?.cancel() } })
        let call = Task {
            try await retry.run { attempt in
                attempts.record(attempt)
                throw Failed(number: attempt)
            }
        }
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(attempts.events == [0])
    }

    @Test func `a call that is cancelled before a wait of no time is not made again by a layer either`() async
    {
        let calls = Recorder<Int>(), backoff = Backoff(base: .zero)
        let plain = Pipeline {
            Retry("test", policy: RetryPolicy(backoff: backoff), time: TimeSource(clock)) { _ in
                withUnsafeCurrentTask { $0?.cancel() }
            }
        }
        var policy = AdaptiveRetryPolicy()
        policy.arms = [.init("at once", backoff)]
        let adaptive = Pipeline {
            AdaptiveRetry<String>("test", policy: policy, time: TimeSource(clock)) { _ in
                withUnsafeCurrentTask { $0?.cancel() }
            } classifying: { _ in
                "any"
            }
        }
        @Sendable func fail(_ call: Int) throws {
            calls.record(call)
            throw Failed(number: call)
        }
        let first = Task { try await plain.run { try fail(0) } }
        await #expect(throws: CancellationError.self) { try await first.value }
        let second = Task { try await adaptive.run { try fail(1) } }
        await #expect(throws: CancellationError.self) { try await second.value }
        #expect(calls.events == [0, 1])
    }

    @Test func `a cancelled call is not retried, in the call or in the wait`() async throws {
        let retry = retry(RetryPolicy(maximumAttempts: 9, backoff: Self.fixed)), attempts = Recorder<Int>()
        await #expect(throws: CancellationError.self) {
            try await retry.run { attempt in
                attempts.record(attempt)
                throw CancellationError()
            }
        }
        let task = Task {
            try await retry.run { attempt in
                attempts.record(attempt)
                throw Failed(number: attempt)
            }
        }
        await clock.untilSleepers(1)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(attempts.events == [0, 0])
    }

    @Test func `a budget bounds retries over many calls, and those that wait count`() async {
        let budget = RetryBudget(
            .init(ratio: 0.1, minimumPerSecond: 0, timeToLive: .seconds(10)), time: TimeSource(clock))
        let retry = retry(RetryPolicy(maximumAttempts: 3, backoff: Backoff(base: .zero)), budget: budget),
            attempts = Recorder<Int>()
        for _ in 0..<100 {
            _ = try? await retry.run { attempt in
                attempts.record(attempt)
                throw Failed(number: attempt)
            }
        }
        #expect(attempts.events.count == 110)
    }

    @Test func `a server's wish lengthens the wait, and one above the ceiling stops`() {
        func step(_ wish: Duration?, _ rule: RetryPolicy.RetryAfter) -> Retry.Step {
            var machine = Retry.StateMachine(
                RetryPolicy(backoff: Self.fixed, retryAfter: rule), startedAt: Instant())
            return machine.next(retryAfter: wish, random: 0, at: Instant())
        }
        #expect(step(.seconds(5), .honoured(ceiling: .seconds(60))) == .retry(after: .seconds(5), attempt: 1))
        #expect(
            step(.milliseconds(10), .honoured(ceiling: .seconds(60)))
                == .retry(after: .seconds(1), attempt: 1))
        #expect(step(.seconds(61), .honoured(ceiling: .seconds(60))) == .stop(.retryAfter))
        #expect(step(.seconds(-1), .honoured(ceiling: .seconds(60))) == .stop(.retryAfter))
        #expect(step(.seconds(50), .clamped(.seconds(5))) == .retry(after: .seconds(6), attempt: 1))
        #expect(step(.seconds(50), .ignored) == .retry(after: .seconds(1), attempt: 1))
    }

    @Test func `delays stay within their bounds for every kind, chance and attempt`() {
        let growths: [Backoff.Growth] = [
            .constant, .linear, .exponential(), .exponential(multiplier: 10), .random,
        ]
        let jitters: [Backoff.Jitter] = [
            .none, .full, .half, .proportional(0.25), .proportional(1), .absolute(.seconds(9)), .decorrelated,
            .decorrelatedSmooth,
        ]
        var chance = Chance(seed: 9)
        for growth in growths {
            for jitter in jitters {
                for maximum in [Duration.zero, .milliseconds(1), .seconds(30), .unbounded] {
                    var series = Backoff.Series(
                        Backoff(base: .milliseconds(100), growth: growth, jitter: jitter, maximum: maximum))
                    for attempt in 0..<2100 {
                        let delay = series.next(
                            random: attempt % 7 == 0 ? Double(attempt % 2) : chance.unit())
                        #expect(
                            delay >= .zero && delay <= maximum, "\(growth) \(jitter) \(maximum) \(attempt)")
                    }
                }
            }
        }
    }

    @Test func `the smooth series doubles in the median`() {
        var chance = Chance(seed: 5)
        for attempt in 0..<6 {
            let delays = (0..<4001).map { _ in
                var series = Backoff.Series(
                    Backoff(base: .seconds(1), jitter: .decorrelatedSmooth, maximum: .unbounded))
                for _ in 0..<attempt { _ = series.next(random: chance.unit()) }
                return series.next(random: chance.unit()) / .seconds(1)
            }
            let median = delays.sorted()[2000]
            #expect((0.45...1.6).contains(median / Double(1 << attempt)), "attempt \(attempt): \(median)")
        }
    }
}
