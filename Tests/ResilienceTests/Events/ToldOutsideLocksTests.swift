import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// Whoever is told of an event may ask the strategy. A lock that is held while it tells would end the process here.
@Suite(.timeLimit(.minutes(1))) struct ToldOutsideLocksTests {
    private struct Down: Error {}

    /// Asks a strategy something whenever it tells something.
    private final class Question: Sendable {
        private let question = Mutex<(@Sendable () -> Void)?>(nil)
        private let count = Mutex(0)

        var timesAsked: Int { count.withLock { $0 } }

        func set(_ ask: @escaping @Sendable () -> Void) { question.withLock { $0 = ask } }

        func ask() {
            guard let question = question.withLock({ $0 }) else { return }
            question()
            count.withLock { $0 += 1 }
        }
    }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }
    private let question = Question()

    @Test func `a breaker may be asked`() {
        let breaker = CircuitBreaker("b", time: time) { [question] _ in question.ask() }
        question.set { _ = breaker.snapshot }
        breaker.isolate()
        breaker.release()
        breaker.open()
        #expect(question.timesAsked == 3)
    }

    @Test func `a bulkhead may be asked`() async throws {
        let bulkhead = Bulkhead("k", policy: BulkheadPolicy(limit: 1, queue: 1), time: time) {
            [question] _ in question.ask()
        }
        question.set { _ = bulkhead.load }
        let first = try await bulkhead.enter(), waiting = Task { try await bulkhead.run {} }
        await until { bulkhead.load.queued > 0 }
        await #expect(throws: Rejection.self) { try await bulkhead.run {} }
        _ = consume first
        try await waiting.value
        #expect(question.timesAsked == 3)
    }

    @Test func `a rate limiter may be asked`() throws {
        let limiter = RateLimiter("l", policy: RateLimitPolicy(permits: 1), time: time) {
            [question] _ in question.ask()
        }
        question.set { _ = limiter.load }
        try limiter.acquire()
        #expect(throws: Rejection.self) { try limiter.acquire() }
        limiter.reconfigure(RateLimitPolicy(permits: 2))
        #expect(question.timesAsked == 2)
    }

    @Test func `an adaptive limit may be asked`() throws {
        let limiter = ConcurrencyLimiter("c", policy: ConcurrencyLimitPolicy(.aimd(), initial: 1)) {
            [question] _ in question.ask()
        }
        question.set { _ = limiter.snapshot }
        try limiter.enter().success(latency: .milliseconds(1))
        let first = try limiter.enter(), second = try limiter.enter()
        #expect(throws: Rejection.self) { _ = try limiter.enter() }
        first.ignored()
        second.ignored()
        #expect(question.timesAsked == 2)
    }

    @Test func `a throttle may be asked`() {
        let throttle = AdaptiveThrottle("t", time: time, chance: Chance(seed: 5)) {
            [question] _ in question.ask()
        }
        question.set { _ = throttle.rejection }
        for _ in 0..<100 { try? throttle.enter() }
        #expect(question.timesAsked > 10)
    }

    @Test func `a balancer may be asked`() throws {
        let policy = LoadBalancerPolicy(outliers: OutlierEjectionPolicy(consecutiveFailures: 1))
        let balancer = LoadBalancer("b", targets: ["a", "b"], policy: policy, time: time) {
            [question] _ in question.ask()
        }
        question.set { _ = balancer.snapshot }
        try balancer.pick(excluding: ["b"]).failed()
        #expect(throws: Rejection.self) { _ = try balancer.pick(excluding: ["a", "b"]) }
        clock.advance(by: .seconds(60))
        balancer.update(targets: ["a"])
        #expect(question.timesAsked == 3)
    }

    @Test func `a cache may be asked`() async throws {
        let cache = Cache<String, Int>(
            "c", policy: CachePolicy(capacity: 1), time: time, onEvent: { [question] _ in question.ask() })
        question.set {
            _ = cache.counts
            cache.warm([("other", 2)])
        }
        _ = try? await cache.value(for: "a") { _ in throw Down() }
        for _ in 0..<2 { _ = try await cache.value(for: "b") { _ in 1 } }
        #expect(question.timesAsked > 5)
    }

    @Test func `a batcher may be asked`() async throws {
        let batcher = Batcher<Int, Int>(
            "x", policy: BatcherPolicy(.fixed(1)), time: time,
            onEvent: { [question] _ in question.ask() }, process: { $0 })
        question.set { _ = batcher.snapshot }
        #expect(try await batcher.submit(1) == 1)
        await until { question.timesAsked > 0 }
    }

    @Test func `a chaos strategy may be asked, and switched off`() async throws {
        let fault = ChaosFault(
            "f", throwing: Down(), policy: ChaosPolicy(rate: 1, isEnabled: true),
            onEvent: { [question] _ in question.ask() })
        question.set { fault.isEnabled = false }
        await #expect(throws: Down.self) { try await fault.run(CallContext()) { _ in } }
        try await fault.run(CallContext()) { _ in }
        #expect(question.timesAsked == 1)
    }
}
