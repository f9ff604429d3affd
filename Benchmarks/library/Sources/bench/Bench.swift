import Resilience

/// What the strategies cost a call that succeeds at once, and a refused one. The calls themselves cost nothing.
@main
struct Bench {
    private struct Failure: Error {}

    static func main() async throws {
        var report = Report()
        try await offTheMainActor(&report)
        try await onTheMainActor(&report)
        report.finish()
    }

    private static let counting = CircuitBreakerPolicy(window: .calls(100), failureRate: 0.5)

    private static func timed(_ window: CircuitBreakerPolicy.Window) -> CircuitBreakerPolicy {
        var policy = CircuitBreakerPolicy(window: window, failureRate: 0.5)
        policy.slowCallRate = 0.5
        policy.slowCallDuration = .seconds(1)
        return policy
    }

    /// Where calls of a server run.
    @concurrent
    private static func offTheMainActor(_ report: inout Report) async throws {
        try await breakers(&report)
        try await others(&report)
        try await pipelines(&report)
    }

    // MARK: Breakers

    private static func breakers(_ report: inout Report) async throws {
        clean(&report)
        try await asynchronous(&report)
        stained(&report)
        try await slow(&report)
        await onTwoThreads(&report)
        refusing(&report)
    }

    private static func clean(_ report: inout Report) {
        report.measure("breaker, last 100 calls", .nanoseconds(25), allocates: false) {
            try? breaker.runSynchronously {}
        }
        report.measure("breaker, last 100 calls, admit and settle", allocates: false) {
            do throws(Rejection) { try breaker.admit().settle(.success) } catch {}
        }
        let window = CircuitBreaker("window")
        report.measure("breaker, last 30 s", allocates: false) { try? window.runSynchronously {} }
    }

    private static func asynchronous(_ report: inout Report) async throws {
        report.measure("call alone") {}
        try await report.measure("breaker, last 100 calls, async", .nanoseconds(50)) {
            try await breaker.run {}
        }
    }

    /// One call of fifty fails, so that the window is never full of successes and each is counted.
    private static func stained(_ report: inout Report) {
        let breaker = CircuitBreaker("stained", policy: counting)
        var call = 0
        report.measure("breaker, last 100 calls of which 2 failed", .nanoseconds(25), allocates: false) {
            call &+= 1
            do throws(Rejection) {
                try breaker.admit().settle(call % 50 == 0 ? .failure() : .success)
            } catch {}
        }
    }

    private static func slow(_ report: inout Report) async throws {
        let breaker = CircuitBreaker("slow", policy: timed(.calls(100)))
        report.measure("breaker, last 100 calls, slow calls", .nanoseconds(75), allocates: false) {
            try? breaker.runSynchronously {}
        }
        try await report.measure("breaker, last 100 calls, slow calls, async", .nanoseconds(100)) {
            try await breaker.run {}
        }
    }

    private static func onTwoThreads(_ report: inout Report) async {
        await report.measureTwoThreads("breaker, last 100 calls, two threads", .nanoseconds(60)) { calls in
            for _ in 0..<calls { try? breaker.runSynchronously {} }
        }
        let stained = CircuitBreaker("stained", policy: counting)
        await report.measureTwoThreads(
            "breaker, last 100 calls of which 2 failed, two threads", .nanoseconds(180)
        ) { calls in
            for call in 0..<calls {
                do throws(Rejection) {
                    try stained.admit().settle(call % 50 == 0 ? .failure() : .success)
                } catch {}
            }
        }
    }

    private static func refusing(_ report: inout Report) {
        let open = CircuitBreaker("open")
        open.open(for: .seconds(3600))
        report.measure("breaker refuses, with the time to wait", .nanoseconds(30), allocates: false) {
            do throws(Rejection) { try open.admit().settle(.success) } catch {}
        }
    }

    // MARK: Others

    private static func others(_ report: inout Report) async throws {
        // The machine's own speed: 23 ns where the targets were set.
        let time = TimeSource()
        var latest = Instant()
        report.measure("a reading of the clock") { latest = max(latest, time.now) }
        let limiter = RateLimiter(
            "limiter", policy: RateLimitPolicy(permits: 1_000_000_000))
        report.measure("rate limiter, token bucket", .nanoseconds(40), allocates: false) {
            do throws(Rejection) { try limiter.acquire() } catch {}
        }
        let cache = Cache<Int, Int>(policy: CachePolicy(capacity: 10_000, freshFor: .seconds(3600)))
        cache.warm((0..<10_000).map { ($0, $0) })
        let stored = (0..<10_000).filter { cache.peek($0) != nil }
        var next = 0
        try await report.measure("cache hit, 10,000 entries", .nanoseconds(120)) {
            next = (next &+ 7919) % stored.count
            _ = try await cache.value(for: stored[next]) { _ in 0 }
        }
        try await report.measure("bulkhead with free places") { try await bulkhead.run {} }
        try await tasks(&report)
    }

    private static func tasks(_ report: inout Report) async throws {
        try await report.measure("a task of its own and its value", calls: 50_000) { await Task {}.value }
        let timeout = Timeout("timeout", after: .seconds(10))
        try await report.measure("timeout of any call", .none, calls: 50_000) { try await timeout.run {} }
        let hedge = Hedge("hedge")
        try await report.measure("hedge that does not fire", .nanoseconds(2000), calls: 50_000) {
            try await hedge.run { _ in }
        }
    }

    // MARK: Pipelines
    // One function for each: in a long one the compiler stops putting calls in place.

    private static func pipelines(_ report: inout Report) async throws {
        try await two(&report)
        try await twoRefusing(&report)
        try await three(&report)
        try await ofAnyCall(&report)
        try await five(&report)
        try await erased(&report)
    }

    private static let breaker = CircuitBreaker("breaker", policy: counting), retry = Retry("retry")
    private static let outer = Deadline("outer", after: .seconds(10))
    private static let inner = Deadline("inner", after: .seconds(5)), bulkhead = Bulkhead("bulkhead")

    private static func two(_ report: inout Report) async throws {
        let pipeline = Pipeline {
            retry
            breaker
        }
        try await report.measure("retry(breaker)", .nanoseconds(60)) { try await pipeline.run {} }
    }

    private static func twoRefusing(_ report: inout Report) async throws {
        let open = CircuitBreaker("open")
        open.open(for: .seconds(3600))
        let pipeline = Pipeline {
            retry
            open
        }
        try await report.measure("retry(breaker) refuses", calls: 100_000) {
            do { try await pipeline.run {} } catch {}
        }
    }

    private static func three(_ report: inout Report) async throws {
        let pipeline = Pipeline {
            outer
            retry
            breaker
        }
        try await report.measure("deadline(retry(breaker))", .nanoseconds(200)) { try await pipeline.run {} }
    }

    private static func ofAnyCall(_ report: inout Report) async throws {
        let pipeline = Pipeline {
            Timeout("timeout", after: .seconds(10))
            retry
            breaker
        }
        try await report.measure("timeout(retry(breaker)) of any call", .nanoseconds(1500), calls: 50_000) {
            try await pipeline.runInTask {}
        }
    }

    private static func five(_ report: inout Report) async throws {
        let pipeline = Pipeline {
            outer
            retry
            breaker
            bulkhead
            inner
        }
        try await report.measure("five strategies in code", .nanoseconds(400)) { try await pipeline.run {} }
    }

    private static func erased(_ report: inout Report) async throws {
        let pipeline = ErasedPipeline("erased", [outer, retry, breaker, bulkhead, inner])
        try await report.measure("five strategies from a configuration", .nanoseconds(1000)) {
            try await pipeline.run {}
        }
    }

    // MARK: The main actor

    @MainActor
    private static func onTheMainActor(_ report: inout Report) async throws {
        try await report.measure(
            "breaker on the main actor", .times(2, "breaker, last 100 calls, async")
        ) { try await breaker.run {} }
        try await twoOnTheMainActor(&report)
    }

    @MainActor
    private static func twoOnTheMainActor(_ report: inout Report) async throws {
        let pipeline = Pipeline {
            retry
            breaker
        }
        try await report.measure("retry(breaker) on the main actor", .times(2, "retry(breaker)")) {
            try await pipeline.run {}
        }
    }
}
