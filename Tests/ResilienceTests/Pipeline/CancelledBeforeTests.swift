import ResilienceTesting
import Testing

@testable import Resilience

/// A caller that was cancelled before it asked a strategy.
@Suite struct CancelledBeforeTests {
    typealias Operation = @Sendable () async throws -> Int

    /// A way to call something through a strategy.
    struct Way: Sendable, CustomTestStringConvertible {
        let name: String
        let run: @Sendable (@escaping Operation) async throws -> Void
        /// What the strategy has taken, counted and told so far.
        let traces: @Sendable () -> String

        init(
            _ name: String, _ run: @escaping @Sendable (@escaping Operation) async throws -> Void,
            traces: @escaping @Sendable () -> String = { "" }
        ) {
            self.name = name
            self.run = run
            self.traces = traces
        }

        /// As a layer of a pipeline.
        init(
            _ name: String, layer: some ConcurrentStrategy,
            traces: @escaping @Sendable () -> String = { "" }
        ) {
            self.init(
                name,
                { operation in
                    _ = try await layer.run(CallContext(), concurrently: { _ in try await operation() })
                }, traces: traces)
        }

        var testDescription: String { name }
    }

    private struct Failed: Error {}

    private static var ways: [Way] {
        breakers + timed + retries + rationed + adaptiveRetries + bulkheads + rateLimiters + fallbacks
            + throttles + chaos
            + pipelines + around
    }

    private static var breakers: [Way] {
        var policy = CircuitBreakerPolicy()
        policy.open.first = .zero
        let closed = CircuitBreaker("closed"), halfOpen = CircuitBreaker("half-open", policy: policy)
        halfOpen.halfOpen()
        let traces = { @Sendable in "\(closed.snapshot) \(halfOpen.snapshot)" }
        return [
            Way("CircuitBreaker.run", { _ = try await closed.run($0) }, traces: traces),
            Way("CircuitBreaker as a layer", layer: closed, traces: traces),
            Way("a half-open CircuitBreaker.run", { _ = try await halfOpen.run($0) }, traces: traces),
            Way("a half-open CircuitBreaker as a layer", layer: halfOpen, traces: traces),
        ]
    }

    private static var timed: [Way] {
        let late = Recorder<TimeoutEvent>(), hedged = Recorder<HedgeEvent>()
        let missed = Recorder<DeadlineEvent>(), budget = RetryBudget(.init(ratio: 1))
        let timeout = Timeout("timeout", after: .seconds(1), onEvent: late.record)
        let hedge = Hedge(
            "hedge", policy: HedgePolicy(delay: .fixed(.zero)), budget: budget, onEvent: hedged.record)
        let traces = { @Sendable in "\(late.events) \(hedged.events) \(missed.events) \(budget.balance)" }
        return [
            Way(
                "Timeout.run", { operation in _ = try await timeout.run { try await operation() } },
                traces: traces),
            Way("Timeout as a layer", layer: timeout, traces: traces),
            Way(
                "Hedge.run", { operation in _ = try await hedge.run { _ in try await operation() } },
                traces: traces),
            Way("Hedge as a layer", layer: hedge, traces: traces),
            Way(
                "Deadline", layer: Deadline("deadline", after: .nanoseconds(1), onEvent: missed.record),
                traces: traces),
        ]
    }

    private static var retries: [Way] {
        let budget = RetryBudget(.init(ratio: 1)), retry = Retry("retry", budget: budget)
        let traces = { @Sendable in "\(budget.balance)" }
        return [
            Way(
                "Retry.run", { operation in _ = try await retry.run { _ in try await operation() } },
                traces: traces),
            Way("Retry as a layer", layer: retry, traces: traces),
            Way("a bare Retry as a layer", layer: Retry("bare")),
            Way("JudgedRetry", layer: retry.judging { _ in .accept }, traces: traces),
        ]
    }

    private static var rationed: [Way] {
        let quota = RetryQuota(capacity: 10), share = ConcurrencyRetryBudget()
        _ = quota.acquire()
        return [
            Way("Retry within a quota", layer: Retry("retry").within(quota), traces: { "\(quota.tokens)" }),
            Way("Retry within a share", layer: Retry("retry").within(share), traces: { "\(share.load)" }),
        ]
    }

    private static var adaptiveRetries: [Way] {
        let budget = RetryBudget(.init(ratio: 1)), retry = AdaptiveRetry<String>("retry", budget: budget)
        let traces = { @Sendable in "\(budget.balance) \(retry.statistics)" }
        return [
            Way(
                "AdaptiveRetry.run", { operation in _ = try await retry.run { _ in try await operation() } },
                traces: traces),
            Way("AdaptiveRetry as a layer", layer: retry, traces: traces),
            Way("AdaptiveRetry with another judge", layer: retry.layer { _ in .accept }, traces: traces),
        ]
    }

    private static var bulkheads: [Way] {
        let told = Recorder<BulkheadEvent>()
        let bulkhead = Bulkhead("bulkhead", policy: BulkheadPolicy(limit: 1, queue: 1), onEvent: told.record)
        let full = Bulkhead("full", policy: BulkheadPolicy(limit: 1, queue: 1), onEvent: told.record)
        _ = full.takePlace()
        let limiter = ConcurrencyLimiter("limiter")
        let traces = { @Sendable in "\(bulkhead.load) \(full.load) \(told.events)" }
        return [
            Way("Bulkhead.run", { _ = try await bulkhead.run($0) }, traces: traces),
            Way("Bulkhead.run past it", { _ = try await bulkhead.run(bypass: true, $0) }, traces: traces),
            Way(
                "Bulkhead.enter",
                { operation in
                    let permit = try await bulkhead.enter()
                    _ = try await operation()
                    _ = consume permit
                }, traces: traces),
            Way("Bulkhead as a layer", layer: bulkhead, traces: traces),
            Way("a full Bulkhead as a layer", layer: full, traces: traces),
            Way("ConcurrencyLimiter as a layer", layer: limiter.timed(), traces: { "\(limiter.snapshot)" }),
        ]
    }

    private static var rateLimiters: [Way] {
        let told = Recorder<RateLimiterEvent>(), clock = VirtualClock()
        let limiter = RateLimiter(
            "limiter", policy: RateLimitPolicy(permits: 2), time: TimeSource(clock), onEvent: told.record)
        let sending = SendRateLimiter("sending") { _ in true }
        let traces = { @Sendable in "\(limiter.load) \(told.events)" }
        return [
            Way("RateLimiter.run", { _ = try await limiter.run($0) }, traces: traces),
            Way("RateLimiter.run of too many", { _ = try await limiter.run(permits: 9, $0) }, traces: traces),
            Way(
                "RateLimiter.run that waits", { _ = try await limiter.run(upTo: .seconds(1), $0) },
                traces: traces),
            Way(
                "RateLimiter.wait",
                { operation in
                    try await limiter.wait()
                    _ = try await operation()
                }, traces: traces),
            Way("RateLimiter as a layer", layer: limiter, traces: traces),
            Way("SendRateLimiter as a layer", layer: sending, traces: { "\(sending.rate ?? -1)" }),
        ]
    }

    private static var fallbacks: [Way] {
        let told = Recorder<FallbackEvent>()
        let fallback = Fallback<Int>("fallback", onEvent: told.record).then("rung") { _ in
            Issue.record("a rung was asked")
            return 1
        }
        return [Way("Fallback.run", { _ = try await fallback.run($0) }, traces: { "\(told.events)" })]
    }

    private static var throttles: [Way] {
        var policy = AdaptiveThrottle.Policy()
        policy.minimumCalls = 1
        let throttle = AdaptiveThrottle("throttle", policy: policy)
        return [Way("AdaptiveThrottle as a layer", layer: throttle, traces: { "\(throttle.rejection)" })]
    }

    private static var chaos: [Way] {
        let told = Recorder<ChaosEvent>()
        let always = ChaosPolicy(rate: 1, isEnabled: true), traces = { @Sendable in "\(told.events)" }
        let outcome = ChaosOutcome("outcome", answering: 7, policy: always, onEvent: told.record)
        return [
            Way(
                "ChaosFault",
                layer: ChaosFault(
                    "fault", throwing: Failed(), policy: always, onEvent: told.record), traces: traces),
            Way("ChaosFault while it is off", layer: ChaosFault("off", throwing: Failed())),
            Way(
                "ChaosLatency", layer: ChaosLatency("latency", policy: always, onEvent: told.record),
                traces: traces),
            Way("ChaosOutcome as a layer", layer: outcome, traces: traces),
            Way("ChaosOutcome.run", { _ = try await outcome.run($0) }, traces: traces),
            Way(
                "ChaosBehavior",
                layer: ChaosBehavior("behavior", policy: always, onEvent: told.record) { _ in
                    Issue.record("it was done")
                }, traces: traces),
        ]
    }

    private static var pipelines: [Way] {
        let budget = RetryBudget(.init(ratio: 1)), bulkhead = Bulkhead("bulkhead")
        let retry = Retry("retry", budget: budget),
            traces = { @Sendable in "\(budget.balance) \(bulkhead.load)" }
        let pipeline = Pipeline {
            retry
            bulkhead
        }
        let erased = ErasedPipeline("erased", [retry, bulkhead])
        return [
            Way("Pipeline.run", { _ = try await pipeline.run($0) }, traces: traces),
            Way("Pipeline.runInTask", { _ = try await pipeline.runInTask($0) }, traces: traces),
            Way("ErasedPipeline.run", { _ = try await erased.run($0) }, traces: traces),
        ]
    }

    /// What runs calls in tasks of its own.
    private static var around: [Way] {
        let cache = Cache<Int, Int>()
        return [
            Way(
                "Cache.value",
                { operation in
                    _ = try await cache.value(for: 1) { _ in try await operation() }
                }, traces: { "\(cache.counts)" }),
            Way(
                "Batcher.submit",
                { operation in
                    let batcher = Batcher<Int, Int>("batcher") { items in
                        _ = try await operation()
                        return items
                    }
                    _ = try await batcher.submit(1)
                }),
        ]
    }

    @Test(arguments: ways)
    func `nothing runs for it, and nothing is taken, counted or told`(way: Way) async {
        let ran = Recorder<Int>(), before = way.traces()
        let call = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await way.run {
                ran.record(1)
                return 1
            }
        }
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(ran.events.isEmpty)
        #expect(way.traces() == before)
    }
}
