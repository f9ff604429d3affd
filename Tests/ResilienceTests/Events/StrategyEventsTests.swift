import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// What each strategy tells, in order, in a run that is written down.
@Suite(.timeLimit(.minutes(1))) struct StrategyEventsTests {
    private struct Down: Error, Equatable {}
    private struct Other: Error {}

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }
    private let events = EventBuffer<any ResilienceEvent>()

    /// What was told since the last time, as "kind severity".
    private func told() -> [String] {
        events.drain().map { "\($0.kind) \($0.severity.rawValue)" }
    }

    @Test func `a breaker tells its changes of state`() async throws {
        var policy = CircuitBreakerPolicy()
        policy.consecutiveFailures = 2
        let breaker = CircuitBreaker("b", policy: policy, time: time, onEvent: events.record)
        for _ in 0..<2 { await #expect(throws: Down.self) { try await breaker.run { throw Down() } } }
        #expect(told() == ["circuit_opened error"])
        clock.advance(by: .seconds(600))
        for _ in 0..<10 where breaker.snapshot.state != .closed { try await breaker.run {} }
        #expect(breaker.snapshot.state == .closed)
        #expect(told() == ["circuit_half_opened information", "circuit_closed information"])
        breaker.isolate()
        breaker.disable()
        #expect(told() == ["circuit_isolated warning", "circuit_disabled warning"])
    }

    @Test func `a breaker that only watches tells so, and troubles nobody`() async throws {
        var policy = CircuitBreakerPolicy()
        policy.consecutiveFailures = 1
        policy.shadow = true
        let breaker = CircuitBreaker("b", policy: policy, time: time, onEvent: events.record)
        await #expect(throws: Down.self) { try await breaker.run { throw Down() } }
        clock.advance(by: .seconds(600))
        for _ in 0..<10 where breaker.snapshot.state != .closed { try await breaker.run {} }
        #expect(breaker.snapshot.state == .closed)
        #expect(
            told() == [
                "circuit_shadow_opened information", "circuit_shadow_half_opened information",
                "circuit_shadow_closed information",
            ])
    }

    @Test func `an adaptive retry tells the same as any other`() async throws {
        var policy = AdaptiveRetryPolicy()
        policy.arms = [AdaptiveRetryPolicy.Arm("at once", Backoff(base: .zero, jitter: .none))]
        policy.maximumAttempts = 2
        let retry = AdaptiveRetry(
            "a", policy: policy, time: time, chance: Chance(seed: 1), onEvent: events.record)
        await #expect(throws: Down.self) { try await retry.run(CallContext()) { _ in throw Down() } }
        #expect(told() == ["retry_scheduled warning", "retry_stopped error"])
    }

    @Test func `R4 1437: an opening is told once, however many calls fail at the same time`() async {
        for _ in 0..<50 {
            let events = Recorder<CircuitBreakerEvent>()
            var policy = CircuitBreakerPolicy()
            policy.consecutiveFailures = 3
            let breaker = CircuitBreaker("b", policy: policy, time: time, onEvent: events.record)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask { _ = try? await breaker.run { () throws -> Void in throw Down() } }
                }
            }
            #expect(events.events.map(\.kind) == ["circuit_opened"])
        }
    }

    @Test func `a retry tells each wait before it begins, and its end`() async throws {
        let log = Recorder<String>(), time = time
        let retry = Retry(
            "r",
            policy: RetryPolicy(
                maximumAttempts: 3, backoff: Backoff(base: .seconds(1), growth: .constant, jitter: .none)),
            time: time, onEvent: { log.record("\($0.kind) \($0.severity) sleepers \(clock.sleepers)") })
        let call = Task {
            try await retry.run { attempt in
                log.record("attempt \(attempt)")
                throw Down()
            }
        }
        for _ in 0..<2 {
            await clock.untilSleepers(1)
            clock.advance(by: .seconds(1))
        }
        await #expect(throws: Down.self) { try await call.value }
        #expect(
            log.events == [
                "attempt 0", "retry_scheduled warning sleepers 0", "attempt 1",
                "retry_scheduled warning sleepers 0", "attempt 2", "retry_stopped error sleepers 0",
            ])
    }

    @Test func `P 1625: a hedge is told when it is due, before its attempt and not with the first`()
        async throws
    {
        let log = Recorder<String>(), time = time
        let hedge = Hedge(
            "h", policy: HedgePolicy(delay: .fixed(.seconds(1))), time: time,
            onEvent: { log.record("\($0.kind) \($0.severity) at \(clock.now.sinceOrigin)") })
        let call = Task {
            try await hedge.run { attempt in
                log.record("attempt \(attempt)")
                if attempt == 0 { try await time.sleep(for: .seconds(60)) }
                return attempt
            }
        }
        await clock.untilSleepers(2)
        #expect(log.events == ["attempt 0"])
        clock.advance(by: .seconds(1))
        #expect(try await call.value == 1)
        #expect(log.events == ["attempt 0", "hedge_began information at 1.0 seconds", "attempt 1"])
    }

    @Test func `a hedge that the budget does not allow is told as withheld`() async throws {
        let budget = RetryBudget(RetryBudget.Policy(ratio: 0, minimumPerSecond: 0), time: time)
        let hedge = Hedge(
            "h", policy: HedgePolicy(delay: .fixed(.zero)), budget: budget, time: time,
            onEvent: events.record)
        let answer = try await hedge.run { attempt in
            await Task.yield()
            return attempt
        }
        #expect(answer == 0 && told() == ["hedge_withheld warning"])
    }

    @Test func `a bulkhead tells which calls wait and what becomes of them`() async throws {
        let bulkhead = Bulkhead(
            "k", policy: BulkheadPolicy(limit: 1, queue: 1, maximumWait: .seconds(1)), time: time,
            onEvent: events.record)
        let first = try await bulkhead.enter(), waiting = Task { try await bulkhead.run {} }
        await until { bulkhead.load.queued == 1 }
        await #expect(throws: Rejection.self) { try await bulkhead.run {} }
        #expect(throws: Rejection.self) { _ = try bulkhead.tryEnter() }
        #expect(
            told() == [
                "bulkhead_queued debug", "bulkhead_rejected warning", "bulkhead_rejected warning",
            ])
        _ = consume first
        try await waiting.value
        #expect(told() == ["bulkhead_admitted debug"])

        let second = try await bulkhead.enter(), late = Task { try await bulkhead.run {} }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection.self) { try await late.value }
        let cancelled = Task { try await bulkhead.run {} }
        await clock.untilSleepers(1)
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(
            told() == [
                "bulkhead_queued debug", "bulkhead_waited_too_long warning", "bulkhead_queued debug",
                "bulkhead_cancelled debug",
            ])
        let displaced = Task { try await bulkhead.run {} }
        await until { bulkhead.load.queued == 1 }
        let preferred = Task { try await bulkhead.run(priority: 1) {} }
        await #expect(throws: Rejection(.displaced, strategy: "k")) { try await displaced.value }
        _ = consume second
        try await preferred.value
        #expect(
            told().sorted() == [
                "bulkhead_admitted debug", "bulkhead_displaced warning", "bulkhead_queued debug",
                "bulkhead_queued debug",
            ])
    }

    @Test func `a bulkhead's event says how full it is and for which partition`() throws {
        let log = Recorder<BulkheadEvent>()
        let bulkhead = Bulkhead("k", policy: BulkheadPolicy(limit: 2), onEvent: log.record)
        let first = try bulkhead.tryEnter(), second = try bulkhead.tryEnter(partition: "p")
        #expect(throws: Rejection.self) { _ = try bulkhead.tryEnter(partition: "p") }
        _ = consume first
        _ = consume second
        #expect(
            log.events == [
                BulkheadEvent(strategy: "k", happening: .rejected, partition: "p", running: 2, queued: 0)
            ])
    }

    @Test func `a rate limiter tells which calls wait, for how long, and what becomes of them`()
        async throws
    {
        let log = Recorder<RateLimiterEvent>()
        let limiter = RateLimiter(
            "l", policy: RateLimitPolicy(permits: 1, per: .seconds(1)), time: time, onEvent: log.record)
        try limiter.acquire()
        #expect(throws: Rejection.self) { try limiter.acquire() }
        let waiting = Task { try await limiter.wait() }
        await until { limiter.load.waiting == 1 }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        try await waiting.value
        let cancelled = Task { try await limiter.wait() }
        await until { limiter.load.waiting == 1 }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        await #expect(throws: Rejection.self) { try await limiter.wait(permits: 9) }
        #expect(limiter.reserve(permits: 3, upTo: .seconds(1)) == nil)
        limiter.reconfigure(RateLimitPolicy(permits: 7, per: .seconds(1)))
        func event(_ happening: RateLimiterEvent.Happening, _ permits: Int = 1, wait: Duration? = nil)
            -> RateLimiterEvent
        {
            RateLimiterEvent(strategy: "l", happening: happening, permits: permits, wait: wait)
        }
        #expect(
            log.events == [
                event(.rejected, wait: .seconds(1)), event(.queued, wait: .seconds(1)), event(.passed),
                event(.queued, wait: .seconds(1)), event(.cancelled), event(.rejected, 9),
                event(.rejected, 3), event(.reconfigured, 7),
            ])
        #expect(Set(log.events.map(\.severity)) == [.debug, .information, .warning])
    }

    @Test func `an adaptive limit tells its changes and rejections`() throws {
        let log = Recorder<ConcurrencyLimiterEvent>()
        let limiter = ConcurrencyLimiter(
            "c", policy: ConcurrencyLimitPolicy(.aimd(), initial: 1, maximum: 2), chance: Chance(seed: 1),
            onEvent: log.record)
        try limiter.enter().success(latency: .milliseconds(1))
        let first = try limiter.enter(), second = try limiter.enter()
        #expect(throws: Rejection.self) { _ = try limiter.enter() }
        first.ignored()
        second.ignored()
        try limiter.enter().ignored()
        try limiter.enter().dropped()
        #expect(
            log.events.map { "\($0.kind) \($0.severity) \($0.limit) \($0.inFlight)" } == [
                "concurrency_limit_changed debug 2 0", "concurrency_rejected warning 2 2",
                "concurrency_limit_changed debug 1 0",
            ])
        #expect(log.events.first?.happening == .changed(from: 1))
    }

    @Test func `a throttle tells each call that it rejects, and how many more it will`() async throws {
        let log = Recorder<AdaptiveThrottleEvent>()
        let throttle = AdaptiveThrottle("t", time: time, chance: Chance(seed: 5), onEvent: log.record)
        var rejections = 0
        for _ in 0..<200 {
            do { try throttle.enter() } catch { rejections += 1 }
        }
        #expect(rejections > 50)
        #expect(log.events.count == rejections)
        #expect(log.events.allSatisfy { $0.rejection > 0.5 && $0.rejection <= 0.9 })
        #expect(log.events.first?.kind == "throttle_rejected" && log.events.first?.severity == .warning)
    }

    @Test func `a fallback tells who served, that nobody could, or that nobody was asked`() async throws {
        let ladder = Fallback<Int>("f", onEvent: events.record)
        await #expect(throws: Down.self) { try await ladder.run { throw Down() } }
        #expect(told().isEmpty)
        let broken = ladder.then("broken", handling: { $0 is Down }) { _ in throw Other() }
        await #expect(throws: Down.self) { try await broken.run { throw Down() } }
        await #expect(throws: Other.self) {
            try await broken.run { throw Other() }
        }
        _ = try await broken.then("last") { _ in 3 }.run { throw Down() }
        _ = try await broken.run { 1 }
        #expect(
            told() == [
                "fallback_exhausted error", "fallback_unhandled information", "fallback_served warning",
            ])
    }

    @Test func `a timeout tells a call that ran out of time, and how long after its time it ended`()
        async throws
    {
        let log = Recorder<TimeoutEvent>(), time = time
        let timeout = Timeout("t", after: .seconds(1), time: time, onEvent: log.record)
        #expect(try await timeout.run { 1 } == 1)
        await #expect(throws: Down.self) { try await timeout.run { throw Down() } }
        let cancelled = Task { try await timeout.run { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(log.events.isEmpty)
        let isCancelled = Mutex(false), mayEnd = Recorder<Void>()
        let call = Task {
            try await timeout.run {
                try? await time.sleep(for: .seconds(60))
                isCancelled.withLock { $0 = true }
                // By a task of its own, which is not cancelled.
                _ = await Task { await until { !mayEnd.events.isEmpty } }.value
            }
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await until { isCancelled.withLock { $0 } }
        clock.advance(by: .seconds(4))
        mayEnd.record(())
        await #expect(throws: Rejection(.timedOut, strategy: "t")) { try await call.value }
        #expect(log.events == [TimeoutEvent(strategy: "t", happening: .passed, late: .seconds(4))])
        await #expect(throws: Rejection(.deadlinePassed, strategy: "t")) {
            try await timeout.run(deadline: time.now.advanced(by: .seconds(-2))) {}
        }
        #expect(log.events.last == TimeoutEvent(strategy: "t", happening: .rejected, late: .seconds(2)))
        #expect(log.events.map(\.kind) == ["timeout_passed", "timeout_rejected"])
    }

    @Test func `a deadline tells calls that come or end too late`() async throws {
        let log = Recorder<DeadlineEvent>(), clock = clock
        let deadline = Deadline("d", after: .seconds(1), time: time, onEvent: log.record)
        await #expect(throws: Down.self) {
            try await deadline.run(CallContext()) { _ in
                clock.advance(by: .seconds(3))
                throw Down()
            }
        }
        try await deadline.run(CallContext()) { _ in clock.advance(by: .seconds(1)) }
        let context = CallContext(deadline: clock.now)
        clock.advance(by: .seconds(5))
        await #expect(throws: Rejection.self) { try await deadline.run(context) { _ in } }
        #expect(
            log.events == [
                DeadlineEvent(strategy: "d", happening: .missed, late: .seconds(2)),
                DeadlineEvent(strategy: "d", happening: .rejected, late: .seconds(5)),
            ])
        #expect(log.events.map(\.kind) == ["deadline_missed", "deadline_rejected"])
    }

    @Test func `a balancer tells which targets are left out, why, and when they are back`() throws {
        let log = Recorder<LoadBalancerEvent>()
        var outliers = OutlierEjectionPolicy(consecutiveFailures: 2, maximumShare: 0.5)
        outliers.jitter = .zero
        let balancer = LoadBalancer(
            "b", targets: ["a", "b"], policy: LoadBalancerPolicy(outliers: outliers), time: time,
            chance: Chance(seed: 1), onEvent: log.record)
        for _ in 0..<2 { try balancer.pick(excluding: ["b"]).failed() }
        #expect(throws: Rejection.self) { _ = try balancer.pick(excluding: ["a", "b"]) }
        clock.advance(by: .seconds(30))
        try balancer.pick().success()
        #expect(
            log.events.map(\.happening) == [
                .ejected(target: "a", for: .seconds(30), because: .consecutiveFailures), .noTarget,
                .returned(target: "a"),
            ])
        #expect(
            log.events.map { "\($0.kind) \($0.severity)" } == [
                "balancer_target_ejected warning", "balancer_no_target error",
                "balancer_target_returned information",
            ])
    }

    @Test func `a balancer whose targets change names them as they were`() throws {
        let log = Recorder<LoadBalancerEvent>()
        var outliers = OutlierEjectionPolicy(consecutiveFailures: 1, maximumShare: 1)
        outliers.jitter = .zero
        let balancer = LoadBalancer(
            "b", targets: ["a", "b", "c"], policy: LoadBalancerPolicy(outliers: outliers), time: time,
            chance: Chance(seed: 1), onEvent: log.record)
        try balancer.pick(excluding: ["a", "b"]).failed()
        try balancer.pick(excluding: ["a", "c"]).failed()
        clock.advance(by: .seconds(29))
        // One of the two has to come back early, since the last target is never left out.
        balancer.update(targets: ["c", "b"])
        clock.advance(by: .seconds(1))
        balancer.update(targets: ["x", "b", "c"])
        #expect(
            log.events.map(\.happening) == [
                .ejected(target: "c", for: .seconds(30), because: .consecutiveFailures),
                .ejected(target: "b", for: .seconds(30), because: .consecutiveFailures),
                .returned(target: "c"), .returned(target: "b"),
            ])
    }

    @Test func `a target with a low rate of success is told as such`() throws {
        let log = Recorder<LoadBalancerEvent>()
        let outliers = OutlierEjectionPolicy(
            consecutiveFailures: nil, deviations: 1, minimumCalls: 10, minimumTargets: 3, jitter: .zero,
            maximumShare: 0.5)
        let targets = ["a", "b", "c"]
        let balancer = LoadBalancer(
            "b", targets: targets, policy: LoadBalancerPolicy(outliers: outliers), time: time,
            chance: Chance(seed: 1), onEvent: log.record)
        for target in targets {
            for number in 0..<10 {
                let choice = try balancer.pick(excluding: targets.filter { $0 != target })
                if target == "b" && number < 8 { choice.failed() } else { choice.success() }
            }
        }
        #expect(log.events.isEmpty)
        clock.advance(by: .seconds(10))
        try balancer.pick().ignored()
        #expect(
            log.events.map(\.happening) == [
                .ejected(target: "b", for: .seconds(30), because: .successRate)
            ])
    }

    @Test func `a batcher tells each call of its work`() async throws {
        let batcher = Batcher<Int, Int>(
            "x", policy: BatcherPolicy(.fixed(2)), time: time, onEvent: events.record
        ) { items in
            if items.contains(0) { throw Down() }
            return items
        }
        let good = Task { try await batcher.submit(1) }
        await until { batcher.snapshot.queued == 1 }
        let bad = Task { try await batcher.submit(0) }
        #expect(try await good.value == 1)
        await #expect(throws: Down.self) { try await bad.value }
        await until { events.counts.waiting == 3 }
        #expect(told() == ["batch_split warning", "batch_answered debug", "batch_failed error"])
    }
}
