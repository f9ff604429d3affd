import ResilienceTesting
import Testing

@testable import Resilience

/// What broke in other retries, backoffs and retry budgets.
///
/// resilience4j #920, a retry that asks an open breaker again, is in `PipelineTests`.
@Suite struct RetryRegressionTests {
    private struct Failed: Error, Equatable { var number = 0 }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    private func retry(_ attempts: Int?, _ backoff: Backoff = Backoff(base: .zero)) -> Retry {
        Retry(
            "retry", policy: RetryPolicy(maximumAttempts: attempts, backoff: backoff), time: time,
            chance: Chance(seed: 1))
    }

    private static let jitters: [Backoff.Jitter] = [
        .none, .full, .half, .proportional(0.25), .absolute(.seconds(9)), .added(.seconds(9)), .decorrelated,
        .decorrelatedSmooth,
    ]

    // MARK: Delays

    @Test func `Polly #1866: a delay that outgrows every number is the longest delay`() {
        let backoff = Backoff(base: .seconds(86_400), jitter: .none, maximum: .seconds(172_800))
        var series = Backoff.Series(backoff)
        #expect(series.delay(attempt: 1000, random: 0.5) == .seconds(172_800))
        var unbounded = Backoff.Series(Backoff(base: .seconds(86_400), jitter: .none, maximum: .unbounded))
        #expect(unbounded.delay(attempt: 1000, random: 0.5) == .unbounded)
    }

    @Test(arguments: jitters)
    func `Polly #2163: a huge attempt number does not overflow the delay`(jitter: Backoff.Jitter) {
        let attempts = [1023, 1024, 1025, 2048, 1 << 40, Int.max - 1, Int.max]
        for growth in [Backoff.Growth.exponential(), .linear, .constant] {
            for attempt in attempts {
                var series = Backoff.Series(Backoff(base: .seconds(2), growth: growth, jitter: jitter))
                let delay = series.delay(attempt: attempt, random: 0.75)
                #expect(delay > .zero && delay <= .seconds(30), "\(growth) \(attempt)")
            }
            var idle = Backoff.Series(Backoff(base: .zero, growth: growth, jitter: .none))
            #expect(idle.delay(attempt: .max, random: 1) == .zero, "nothing doubles to nothing")
        }
    }

    @Test func `Cockatiel #86: a delay is always a number`() {
        for multiplier in [Double.nan, .infinity, 0, -2] {
            for base in [Duration.zero, .seconds(1)] {
                for attempt in [0, 1, 2, 5000] {
                    var series = Backoff.Series(
                        Backoff(base: base, growth: .exponential(multiplier: multiplier), jitter: .none))
                    let delay = series.delay(attempt: attempt, random: .nan)
                    #expect(delay >= .zero && delay <= .seconds(30), "\(multiplier) \(base) \(attempt)")
                }
            }
        }
    }

    @Test func `Failsafe #115: jitter that is longer than the delay does not make it negative`() {
        var series = Backoff.Series(
            Backoff(base: .seconds(1), growth: .constant, jitter: .absolute(.seconds(10))))
        #expect(series.next(random: 0) == .zero)
        #expect(series.next(random: 0.5) == .seconds(1))
        #expect(series.next(random: 1) == .seconds(11))
    }

    @Test func `Failsafe #216, #224: a random delay reaches both ends of its range and leaves neither`() {
        let range = Backoff(
            growth: .random, jitter: .none, minimum: .milliseconds(100), maximum: .seconds(10))
        var series = Backoff.Series(range), chance = Chance(seed: 3)
        #expect(series.next(random: 0) == .milliseconds(100) && series.next(random: 1) == .seconds(10))
        let delays = (0..<2000).map { _ in series.next(random: chance.unit()) }
        #expect(delays.allSatisfy { $0 >= .milliseconds(100) && $0 <= .seconds(10) })
        #expect(delays.contains { $0 < .seconds(1) } && delays.contains { $0 > .seconds(9) })
    }

    @Test func `Opossum #825: zeros are settings, not gaps for defaults`() async throws {
        let attempts = Recorder<Int>()
        await #expect(throws: Failed.self) {
            try await retry(3).run { attempt in
                attempts.record(attempt)
                throw Failed()
            }
        }
        #expect(attempts.events == [0, 1, 2] && clock.now == Instant())
        let budget = RetryBudget(.init(ratio: 0, minimumPerSecond: 0), time: time)
        budget.deposit()
        #expect(!budget.withdraw())
    }

    // MARK: Cancellation

    @Test func `Polly #2456: a cancellation is not swallowed, whatever the judge says`() async throws {
        let waiting = Task {
            try await retry(5, Backoff(base: .seconds(9), jitter: .none)).run(judging: { _ in .retry() }) {
                attempt in attempt
            }
        }
        await clock.untilSleepers(1)
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let pipeline = Pipeline { retry(5) }, calls = Recorder<Int>()
        await #expect(throws: CancellationError.self) {
            try await pipeline.run { (context: CallContext) in
                calls.record(context.attempt)
                throw CancellationError()
            }
        }
        #expect(calls.events == [0])
    }

    @Test func `Failsafe #52: a call that is cancelled while it runs is not made again`() async {
        let attempts = Recorder<Int>(), time = time
        let running = Task {
            try await retry(9).run { attempt in
                attempts.record(attempt)
                // It ends with an error of its own, not with the cancellation.
                try? await time.sleep(for: .seconds(60))
                throw Failed(number: attempt)
            }
        }
        await clock.untilSleepers(1)
        running.cancel()
        await #expect(throws: Failed(number: 0)) { try await running.value }
        #expect(attempts.events == [0])
    }

    @Test func `failsafe-go #73: each attempt runs the operation from its beginning`() async throws {
        let sent = Recorder<String>()
        _ = try await retry(3).run { attempt in
            var body = "body".makeIterator(), text = ""
            while let character = body.next(), attempt > 0 || text.count < 2 { text.append(character) }
            sent.record(text)
            if attempt < 2 { throw Failed() }
        }
        #expect(sent.events == ["bo", "body", "body"])
    }

    // MARK: Budgets

    @Test func `tower #857: a share of a token is not lost to rounding`() {
        var machine = RetryBudget.StateMachine(.init(ratio: 0.6, minimumPerSecond: 0))
        for _ in 0..<1000 { machine.deposit(at: Instant()) }
        #expect(machine.balance(at: Instant()) == 600)
        let allowed = (0..<1000).count { _ in machine.withdraw(at: Instant()) }
        #expect(allowed == 600)
    }

    @Test func `failsafe-go #139: as many retries as the floor are allowed, whatever their share`() {
        var machine = ConcurrencyRetryBudget.StateMachine(.init(maximumShare: 0.001, floor: 3))
        machine.began()
        let allowed = (0..<5).map { _ in machine.beginRetry() }
        #expect(allowed == [true, true, true, false, false])
    }

    @Test func `Envoy #30205: a retry counts while it waits, on both sides of the share`() async throws {
        let budget = ConcurrencyRetryBudget(.init(maximumShare: 0.4, floor: 1))
        let layer = retry(2, Backoff(base: .seconds(1), jitter: .none)).within(budget), time = time
        func call() -> Task<Int, any Error> {
            Task {
                try await layer.run(CallContext()) { context in
                    guard context.attempt > 0 else { throw Failed() }
                    try await time.sleep(for: .seconds(1))
                    return context.attempt
                }
            }
        }
        let first = call()
        await clock.untilSleepers(1)
        #expect(budget.load == (1, 1))
        // One of two is above the share and the floor is reached: the next call is not retried.
        await #expect(throws: Failed.self) { try await call().value }
        clock.advance(by: .seconds(1))
        await clock.untilSleepers(1)
        #expect(budget.load == (1, 1))
        clock.advance(by: .seconds(1))
        #expect(try await first.value == 1)
        #expect(budget.load == (0, 0))
        let cancelled = call()
        await clock.untilSleepers(1)
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(budget.load == (0, 0))
    }

    @Test func `aws-sdk-rust #1234: a quota that a retry is given bounds it`() async throws {
        let quota = RetryQuota(.returned(cost: 5, timeoutCost: 10), capacity: 20), calls = Recorder<Int>()
        let pipeline = Pipeline { retry(nil).within(quota) }
        await #expect(throws: Failed(number: 4)) {
            try await pipeline.run { (context: CallContext) in
                calls.record(context.attempt)
                throw Failed(number: context.attempt)
            }
        }
        #expect(calls.events == [0, 1, 2, 3, 4] && quota.tokens == 0)
        // What the last retry took comes back with its success.
        try await Pipeline { retry(1).within(quota) }.run {}
        #expect(quota.tokens == 1)
        for _ in 0..<9 { quota.succeeded() }
        _ = try await pipeline.run { (context: CallContext) in
            if context.attempt == 0 { throw Rejection(.timedOut, strategy: "inside") }
            #expect(quota.tokens == 0)
        }
        #expect(quota.tokens == 10)
    }

    @Test func `gRPC: each failure takes a token from the throttle, the last one of a call too`() async throws
    {
        let quota = RetryQuota(.throttled(ratio: 0.5), capacity: 10), calls = Recorder<Int>()
        let pipeline = Pipeline { retry(3).within(quota) }
        for _ in 0..<2 {
            _ = try? await pipeline.run { (context: CallContext) in
                calls.record(context.attempt)
                throw Failed()
            }
        }
        // Nine, eight, seven; six, and with five, which is not more than half, no retry is allowed.
        #expect(calls.events == [0, 1, 2, 0, 1] && quota.tokens == 5)
        try await pipeline.run {}
        #expect(quota.tokens == 5.5)
    }

    @Test func `go-zero #5011: a call counts for the throttle when it is sent, not when it ends`() throws {
        let throttle = AdaptiveThrottle("throttle", time: time, chance: Chance(seed: 2))
        for _ in 0..<10 { try throttle.enter() }
        #expect(throttle.rejection > 0.8, "ten calls hang")
        for _ in 0..<10 { throttle.succeeded() }
        #expect(throttle.rejection == 0)
    }
}
