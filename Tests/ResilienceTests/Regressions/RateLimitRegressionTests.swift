import ResilienceTesting
import Testing

@testable import Resilience

/// What broke in other rate limiters.
@Suite(.timeLimit(.minutes(1))) struct RateLimitRegressionTests {
    private let clock = VirtualClock()

    private func limiter(_ policy: RateLimitPolicy) -> RateLimiter {
        RateLimiter("test", policy: policy, time: TimeSource(clock))
    }

    private static let algorithms: [RateLimitPolicy.Algorithm] = [.tokenBucket, .slidingWindow, .cycles]

    @Test(arguments: algorithms)
    func `Resilience4j #61: the first cycle has permits`(algorithm: RateLimitPolicy.Algorithm) throws {
        clock.advance(by: .milliseconds(249))
        let limiter = limiter(RateLimitPolicy(permits: 1, per: .milliseconds(250), algorithm: algorithm))
        try limiter.acquire()
    }

    @Test func `Resilience4j #1244: limiters made at different times do not share a beginning`() throws {
        let policy = RateLimitPolicy(permits: 1, algorithm: .cycles)
        let early = limiter(policy)
        clock.advance(by: .milliseconds(700))
        let late = limiter(policy)
        try early.acquire()
        try late.acquire()
        #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .milliseconds(300))) {
            try early.acquire()
        }
        #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .seconds(1))) {
            try late.acquire()
        }
    }

    @Test func `Resilience4j #822: the period, the longest wait and the number of waiters are the policy's`()
        async throws
    {
        let policy = RateLimitPolicy(
            permits: 3, per: .milliseconds(300), algorithm: .cycles, maximumWait: .milliseconds(299))
        let limiter = limiter(policy)
        #expect(limiter.policy == policy)
        try limiter.acquire(permits: 3)
        await #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .milliseconds(300))) {
            try await limiter.wait()
        }
        let next = RateLimitPolicy(
            permits: 7, per: .seconds(2), algorithm: .cycles, maximumWait: .seconds(60), maximumWaiters: 0)
        limiter.reconfigure(next)
        #expect(limiter.policy == next)
        clock.advance(by: .seconds(2))
        try limiter.acquire(permits: 7)
        await #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .seconds(2))) {
            try await limiter.wait()
        }
    }

    @Test(arguments: algorithms)
    func `Resilience4j #2489: a lowered limit refills like any other`(algorithm: RateLimitPolicy.Algorithm)
        async throws
    {
        let limiter = limiter(RateLimitPolicy(permits: 100, algorithm: algorithm))
        try limiter.acquire(permits: 100)
        let waiting = Task { try await limiter.wait(permits: 100, upTo: .seconds(10)) }
        await clock.untilSleepers(1)
        limiter.reconfigure(RateLimitPolicy(permits: 2, algorithm: algorithm))
        clock.advance(by: .seconds(1))
        // What was promised holds, though it is more than the new limit.
        try await waiting.value
        for _ in 0..<3 {
            clock.advance(by: .seconds(2))
            #expect(limiter.load == (2, 0))
            try limiter.acquire(permits: 2)
            #expect(throws: Rejection.self) { try limiter.acquire() }
        }
    }

    @Test func `aws-sdk-java #2879: a long sleep refills once`() throws {
        let limiter = limiter(RateLimitPolicy(permits: 5))
        try limiter.acquire(permits: 5)
        clock.advance(by: .seconds(86_400))
        try limiter.acquire(permits: 5)
        #expect(throws: Rejection(.rateLimited, strategy: "test", retryAfter: .milliseconds(200))) {
            try limiter.acquire()
        }
    }

    @Test(arguments: algorithms)
    func `aws-sdk-cpp #2275: a clock that goes back delays nobody for longer than a period`(
        algorithm: RateLimitPolicy.Algorithm
    ) {
        var machine = RateLimiter.StateMachine(
            RateLimitPolicy(permits: 1, algorithm: algorithm), at: 100_000_000_000)
        expect(machine.acquire(1, at: 100_000_000_000))
        expect(machine.wait(for: 1, at: 5) == 1_000_000_000)
        expect(machine.acquire(1, at: 101_000_000_000))
    }

    @Test(arguments: algorithms)
    func `failsafe-go 0.9.2: a call that is cancelled while it waits gives its permit back`(
        algorithm: RateLimitPolicy.Algorithm
    ) async throws {
        let limiter = limiter(RateLimitPolicy(permits: 1, algorithm: algorithm))
        try limiter.acquire()
        let waiting = Task { try await limiter.wait(upTo: .seconds(10)) }
        await clock.untilSleepers(1)
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(limiter.load == (0, 0) && clock.sleepers == 0)
        clock.advance(by: .seconds(1))
        try limiter.acquire()
    }

    @Test func `Opossum #825: no permits at the beginning is a setting, not a gap for a default`() throws {
        let limiter = limiter(RateLimitPolicy(permits: 5, initial: 0, maximumWaiters: 0))
        #expect(throws: Rejection.self) { try limiter.acquire() }
        #expect(limiter.policy.maximumWaiters == 0)
    }
}
