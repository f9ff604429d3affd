import ResilienceTesting
import Testing

@testable import Resilience

@Suite(.timeLimit(.minutes(1))) struct RateLimiterTests {
    private let clock = VirtualClock()

    private func limiter(_ policy: RateLimitPolicy) -> RateLimiter {
        RateLimiter("test", policy: policy, time: TimeSource(clock))
    }

    private static let algorithms: [RateLimitPolicy.Algorithm] = [.tokenBucket, .slidingWindow, .cycles]

    // MARK: Calls that do not wait

    @Test(arguments: algorithms)
    func `what is over the limit is rejected with the time to come back`(
        algorithm: RateLimitPolicy.Algorithm
    ) throws {
        let limiter = limiter(RateLimitPolicy(permits: 2, per: .seconds(1), algorithm: algorithm))
        try limiter.acquire(permits: 2)
        let wait: Duration = algorithm == .tokenBucket ? .milliseconds(500) : .seconds(1)
        let rejection = Rejection(.rateLimited, strategy: "test", retryAfter: wait)
        #expect(throws: rejection) { try limiter.acquire() }
        #expect(throws: rejection, "a refused call takes nothing") { try limiter.acquire() }
        clock.advance(by: wait - .nanoseconds(1))
        #expect(throws: Rejection.self) { try limiter.acquire() }
        clock.advance(by: .nanoseconds(1))
        try limiter.acquire()
    }

    @Test(arguments: algorithms)
    func `what was taken is available again when its period is over, and not before`(
        algorithm: RateLimitPolicy.Algorithm
    ) throws {
        let limiter = limiter(RateLimitPolicy(permits: 2, per: .seconds(1), algorithm: algorithm))
        try limiter.acquire(permits: 2)
        clock.advance(by: .nanoseconds(999_999_999))
        #expect(limiter.load.available < 2)
        clock.advance(by: .nanoseconds(1))
        #expect(limiter.load.available == 2)
    }

    @Test(arguments: [RateLimitPolicy.Algorithm.tokenBucket, .slidingWindow])
    func `more than the limit ever holds is rejected for a reason of its own`(
        algorithm: RateLimitPolicy.Algorithm
    )
        async
    {
        let limiter = limiter(RateLimitPolicy(permits: 2, algorithm: algorithm))
        #expect(throws: Rejection(.exceedsLimit, strategy: "test")) { try limiter.acquire(permits: 3) }
        await #expect(throws: Rejection(.exceedsLimit, strategy: "test")) {
            try await limiter.wait(permits: 3, upTo: .seconds(1000))
        }
        #expect(limiter.reserve(permits: 3) == nil)
        #expect(limiter.load == (2, 0))
    }

    @Test func `no permits are always there`() async throws {
        let limiter = limiter(RateLimitPolicy(permits: 1))
        try limiter.acquire()
        try limiter.acquire(permits: 0)
        try await limiter.wait(permits: -1)
        #expect(limiter.reserve(permits: 0) == .zero)
    }

    @Test func `a bucket may hold more than one period brings, and begin empty`() throws {
        let limiter = limiter(RateLimitPolicy(permits: 10, capacity: 100, initial: 0))
        #expect(throws: Rejection.self) { try limiter.acquire() }
        clock.advance(by: .seconds(3600))
        try limiter.acquire(permits: 100)
        #expect(throws: Rejection.self) { try limiter.acquire() }
    }

    @Test func `run takes its permit before the operation and rejects without it`() async throws {
        let limiter = limiter(RateLimitPolicy(permits: 1))
        #expect(try await limiter.run { 1 } == 1)
        await #expect(throws: Rejection.self) { try await limiter.run { Issue.record("ran") } }
    }

    @Test func `run waits for all its permits, as long as it was told and no longer`() async throws {
        let limiter = limiter(RateLimitPolicy(permits: 2, per: .seconds(1)))
        try limiter.acquire(permits: 2)
        let refusal = Rejection(.rateLimited, strategy: "test", retryAfter: .seconds(1))
        await #expect(throws: refusal) {
            try await limiter.run(permits: 2, upTo: .milliseconds(999)) { Issue.record("ran") }
        }
        let call = Task { try await limiter.run(permits: 2, upTo: .seconds(1)) { clock.now.sinceOrigin } }
        await clock.untilSleepers(1)
        #expect(limiter.load == (0, 1) && clock.nextDeadline == Instant(sinceOrigin: .seconds(1)))
        clock.advance(by: .seconds(1))
        #expect(try await call.value == .seconds(1))
        #expect(limiter.load == (0, 0))
    }

    @Test func `reserve says how long to wait`() {
        let limiter = limiter(RateLimitPolicy(permits: 1))
        #expect(limiter.reserve() == .zero)
        #expect(limiter.reserve() == .seconds(1))
        #expect(limiter.reserve(upTo: .milliseconds(1999)) == nil)
        #expect(limiter.reserve(upTo: .seconds(2)) == .seconds(2))
    }

    // MARK: Calls that wait

    @Test(arguments: algorithms)
    func `waiters pass in the order in which they came`(algorithm: RateLimitPolicy.Algorithm) async throws {
        let limiter = limiter(RateLimitPolicy(permits: 1, algorithm: algorithm)), order = Recorder<Int>()
        try limiter.acquire()
        let tasks = await queue(5, limiter, order)
        for passed in 1...5 {
            clock.advance(by: .seconds(1))
            try await tasks[passed - 1].value
            #expect(order.events == Array(1...passed))
        }
        #expect(limiter.load == (0, 0))
    }

    /// Tasks that wait for one permit each, queued in their order.
    private func queue(_ count: Int, _ limiter: RateLimiter, _ order: Recorder<Int>) async -> [Task<
        Void, any Error
    >] {
        var tasks: [Task<Void, any Error>] = []
        for number in 1...count {
            tasks.append(
                Task {
                    try await limiter.wait(upTo: .seconds(100))
                    order.record(number)
                })
            await until { limiter.load.waiting >= number }
            await clock.untilSleepers(number)
        }
        return tasks
    }

    @Test(arguments: algorithms)
    func `a cancelled waiter gives its permit back and those behind it move up`(
        algorithm: RateLimitPolicy.Algorithm
    ) async throws {
        let limiter = limiter(RateLimitPolicy(permits: 1, algorithm: algorithm)), order = Recorder<Int>()
        try limiter.acquire()
        let tasks = await queue(4, limiter, order)
        tasks[1].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[1].value }
        clock.advance(by: .seconds(1))
        try await tasks[0].value
        // The moved waiters begin to sleep anew; in the end only they do.
        await until { clock.nextDeadline == Instant(sinceOrigin: .seconds(2)) && clock.sleepers <= 2 }
        clock.advance(by: .seconds(1))
        try await tasks[2].value
        clock.advance(by: .seconds(1))
        try await tasks[3].value
        #expect(order.events == [1, 3, 4])
        #expect(limiter.load == (0, 0))
        clock.advance(by: .seconds(1))
        try limiter.acquire()
    }

    @Test func `a call that does not wait never overtakes one that does`() async throws {
        let limiter = limiter(RateLimitPolicy(permits: 2, per: .seconds(2), capacity: 2))
        try limiter.acquire(permits: 2)
        let waiting = Task { try await limiter.wait(permits: 2, upTo: .seconds(10)) }
        await clock.untilSleepers(1)
        clock.advance(by: .milliseconds(1500))
        #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .milliseconds(1500))) {
            try limiter.acquire()
        }
        clock.advance(by: .milliseconds(500))
        try await waiting.value
    }

    @Test func `waiters beyond their number, and those who would wait too long, are rejected at once`()
        async throws
    {
        let limiter = limiter(RateLimitPolicy(permits: 1, maximumWaiters: 1))
        try limiter.acquire()
        let waiting = Task { try await limiter.wait() }
        await clock.untilSleepers(1)
        await #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .seconds(2))) {
            try await limiter.wait()
        }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        await #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .seconds(1))) {
            try await limiter.wait(upTo: .milliseconds(999))
        }
    }

    @Test func `what is behind a reservation cannot move up`() {
        var machine = RateLimiter.StateMachine(RateLimitPolicy(permits: 1))
        expect(machine.acquire(1, at: 0))
        guard case .queued(let first, _) = machine.enter(1, upTo: .max, at: 0) else {
            Issue.record("not queued")
            return
        }
        expect(machine.reserve(1, upTo: .max, at: 0) == 2_000_000_000)
        expect(machine.cancel(first, at: 0) && machine.takeMoves().isEmpty)
        // The reservation's caller sleeps where nobody can wake it: nobody else may have its moment.
        expect(machine.wait(for: 1, at: 0) == 3_000_000_000)
    }

    @Test func `a waiter that is cancelled when its time has come leaves nothing behind`() {
        var machine = RateLimiter.StateMachine(RateLimitPolicy(permits: 1))
        expect(machine.acquire(1, at: 0))
        guard case .queued(let id, let due) = machine.enter(1, upTo: .max, at: 0) else {
            Issue.record("not queued")
            return
        }
        expect(machine.cancel(id, at: due) && machine.takeMoves().isEmpty)
        expect(!machine.pass(id, due: due))
        #expect(machine.waiting == 0 && machine.available == 0)
    }

    @Test(arguments: algorithms)
    func `many waiters, cancelled at random, leave nothing behind`(algorithm: RateLimitPolicy.Algorithm)
        async throws
    {
        let limiter = limiter(
            RateLimitPolicy(permits: 3, per: .seconds(1), algorithm: algorithm, maximumWaiters: 1000))
        let passed = Recorder<Instant>(), finished = Recorder<Int>()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let task = Task { try await limiter.wait(upTo: .seconds(1000)) }
                    if index % 3 == 0 {
                        for _ in 0..<index % 7 { await Task.yield() }
                        task.cancel()
                    }
                    if (try? await task.value) != nil { passed.record(clock.now) }
                    finished.record(index)
                }
            }
            await until {
                clock.advanceToNextSleeper()
                return finished.events.count == 200
            }
        }
        #expect(limiter.load.waiting == 0)
        #expect(passed.events.count >= 133)
        clock.advance(by: .seconds(1000))
        #expect(limiter.load == (3, 0))
    }

    // MARK: Another policy

    @Test func `a raised limit lets waiters through earlier`() async throws {
        let limiter = limiter(RateLimitPolicy(permits: 1, per: .seconds(60)))
        try limiter.acquire()
        let waiting = Task { try await limiter.wait(upTo: .seconds(100)) }
        await clock.untilSleepers(1)
        limiter.reconfigure(RateLimitPolicy(permits: 60, per: .seconds(60), capacity: 1))
        await until { clock.nextDeadline == Instant(sinceOrigin: .seconds(1)) }
        clock.advance(by: .seconds(1))
        try await waiting.value
    }

    // MARK: As a layer

    @Test func `a layer asks for every attempt, and waits as long as the policy says`() async throws {
        struct Failed: Error {}
        let limiter = limiter(RateLimitPolicy(permits: 2, per: .seconds(1), maximumWait: .seconds(1)))
        let time = TimeSource(clock)
        let policy = RetryPolicy(maximumAttempts: 3, backoff: Backoff(base: .zero))
        let pipeline = Pipeline {
            Retry("retry", policy: policy, time: time)
            limiter
        }
        let call = Task { try await pipeline.run { throw Failed() } }
        await clock.untilSleepers(1)
        #expect(limiter.load == (0, 1), "the third attempt waits")
        clock.advance(by: .milliseconds(500))
        await #expect(throws: Failed.self) { try await call.value }
    }

    @Test func `a layer does not wait beyond the deadline`() async throws {
        let limiter = limiter(RateLimitPolicy(permits: 1, per: .seconds(1))), time = TimeSource(clock)
        let pipeline = Pipeline {
            Deadline("deadline", after: .milliseconds(999), time: time)
            limiter
        }
        #expect(try await pipeline.run { 5 } == 5)
        await #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .seconds(1))) {
            try await pipeline.run { 6 }
        }
        #expect(limiter.load.waiting == 0 && pipeline.warnings.isEmpty)
    }
}
