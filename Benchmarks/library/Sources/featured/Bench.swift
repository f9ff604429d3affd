import Counting
import Dispatch
import Resilience

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the strategies cost a call that succeeds at once, and a refused one. The calls themselves cost nothing.
@main
struct Bench {
    private struct Failure: Error {}

    static func main() {
        let report = Report()
        guard counts_instructions() == 0 else {
            return OneThread().run { try await offTheMainActor(report) }
        }
        Task {
            try await offTheMainActor(report)
            try await onTheMainActor(report)
            exit(0)
        }
        dispatchMain()
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
    private static func offTheMainActor(_ report: Report) async throws {
        try await breakers(report)
        try await others(report)
        try await pipelines(report)
    }

    // MARK: Breakers

    private static func breakers(_ report: Report) async throws {
        clean(report)
        try await asynchronous(report)
        stained(report)
        try await slow(report)
        await onTwoThreads(report)
        refusing(report)
    }

    private static func clean(_ report: Report) {
        report.measure("breaker, last 100 calls") {
            try? breaker.runSynchronously {}
        }
        report.measure("breaker, last 100 calls, admit and settle") {
            do throws(Rejection) { try breaker.admit().settle(.success) } catch {}
        }
        let window = CircuitBreaker("window")
        report.measure("breaker, last 30 s") { try? window.runSynchronously {} }
    }

    private static func asynchronous(_ report: Report) async throws {
        report.measure("call alone") {}
        try await report.measure("call alone, async") {}
        try await report.measure("breaker, last 100 calls, async") {
            try await breaker.run {}
        }
    }

    /// One call of fifty fails, so that the window is never full of successes and each is counted.
    private static func stained(_ report: Report) {
        let breaker = CircuitBreaker("stained", policy: counting)
        var call = 0
        report.measure("breaker, last 100 calls of which 2 failed") {
            call &+= 1
            do throws(Rejection) {
                try breaker.admit().settle(call % 50 == 0 ? .failure() : .success)
            } catch {}
        }
    }

    private static func slow(_ report: Report) async throws {
        let breaker = CircuitBreaker("slow", policy: timed(.calls(100)))
        report.measure("breaker, last 100 calls, slow calls") {
            try? breaker.runSynchronously {}
        }
        try await report.measure("breaker, last 100 calls, slow calls, async") {
            try await breaker.run {}
        }
    }

    private static func onTwoThreads(_ report: Report) async {
        await report.measureTwoThreads("breaker, last 100 calls, two threads") { calls in
            for _ in 0..<calls { try? breaker.runSynchronously {} }
        }
        let stained = CircuitBreaker("stained", policy: counting)
        await report.measureTwoThreads(
            "breaker, last 100 calls of which 2 failed, two threads"
        ) { calls in
            for call in 0..<calls {
                do throws(Rejection) {
                    try stained.admit().settle(call % 50 == 0 ? .failure() : .success)
                } catch {}
            }
        }
    }

    private static func refusing(_ report: Report) {
        let open = CircuitBreaker("open")
        open.open(for: .seconds(3600))
        report.measure("breaker refuses, with the time to wait") {
            do throws(Rejection) { try open.admit().settle(.success) } catch {}
        }
    }

    // MARK: Others

    private static func others(_ report: Report) async throws {
        // What calls that need other threads are compared with.
        let time = TimeSource()
        var latest = Instant()
        report.measure("a reading of the clock") { latest = max(latest, time.now) }
        let limiter = RateLimiter(
            "limiter", policy: RateLimitPolicy(permits: 1_000_000_000))
        report.measure("rate limiter, token bucket") {
            do throws(Rejection) { try limiter.acquire() } catch {}
        }
        let cache = Cache<Int, Int>(policy: CachePolicy(capacity: 10_000, freshFor: .seconds(3600)))
        cache.warm((0..<10_000).map { ($0, $0) })
        let stored = (0..<10_000).filter { cache.peek($0) != nil }
        var next = 0
        try await report.measure("cache hit, 10,000 entries") {
            next = (next &+ 7919) % stored.count
            _ = try await cache.value(for: stored[next]) { _ in 0 }
        }
        try await report.measure("bulkhead with free places") { try await bulkhead.run {} }
        try await tasks(report)
    }

    private static func tasks(_ report: Report) async throws {
        try await report.measure("a task of its own and its value", by: .clock, calls: 50_000) {
            await Task {}.value
        }
        let timeout = Timeout("timeout", after: .seconds(10))
        try await report.measure("timeout of any call", by: .clock, calls: 50_000) {
            try await timeout.run {}
        }
        let hedge = Hedge("hedge")
        try await report.measure("hedge that does not fire", by: .clock, calls: 50_000) {
            try await hedge.run { _ in }
        }
    }

    // MARK: Pipelines
    // One function for each: in a long one the compiler stops putting calls in place.

    private static func pipelines(_ report: Report) async throws {
        try await two(report)
        try await twoRefusing(report)
        try await three(report)
        try await ofAnyCall(report)
        try await five(report)
        try await erased(report)
    }

    private static let breaker = CircuitBreaker("breaker", policy: counting), retry = Retry("retry")
    private static let outer = Deadline("outer", after: .seconds(10))
    private static let inner = Deadline("inner", after: .seconds(5)), bulkhead = Bulkhead("bulkhead")

    private static func two(_ report: Report) async throws {
        let pipeline = Pipeline {
            retry
            breaker
        }
        try await report.measure("retry(breaker)") { try await pipeline.run {} }
    }

    private static func twoRefusing(_ report: Report) async throws {
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

    private static func three(_ report: Report) async throws {
        let pipeline = Pipeline {
            outer
            retry
            breaker
        }
        try await report.measure("deadline(retry(breaker))") { try await pipeline.run {} }
    }

    private static func ofAnyCall(_ report: Report) async throws {
        let pipeline = Pipeline {
            Timeout("timeout", after: .seconds(10))
            retry
            breaker
        }
        try await report.measure("timeout(retry(breaker)) of any call", by: .clock, calls: 50_000) {
            try await pipeline.runInTask {}
        }
    }

    private static func five(_ report: Report) async throws {
        let pipeline = Pipeline {
            outer
            retry
            breaker
            bulkhead
            inner
        }
        try await report.measure("five strategies in code") { try await pipeline.run {} }
    }

    private static func erased(_ report: Report) async throws {
        let pipeline = ErasedPipeline("erased", [outer, retry, breaker, bulkhead, inner])
        try await report.measure("five strategies from a configuration") {
            try await pipeline.run {}
        }
    }

    // MARK: The main actor

    @MainActor
    private static func onTheMainActor(_ report: Report) async throws {
        try await report.measure("breaker on the main actor", by: .clock) { try await breaker.run {} }
        try await twoOnTheMainActor(report)
    }

    @MainActor
    private static func twoOnTheMainActor(_ report: Report) async throws {
        let pipeline = Pipeline {
            retry
            breaker
        }
        try await report.measure("retry(breaker) on the main actor", by: .clock) {
            try await pipeline.run {}
        }
    }
}
