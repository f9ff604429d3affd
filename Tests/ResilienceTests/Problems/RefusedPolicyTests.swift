import Foundation
import Resilience
import ResilienceTesting
import Testing

/// Whether `assert` is compiled in.
private let isDebugBuild = {
    var isDebugBuild = false
    assert(
        {
            isDebugBuild = true
            return true
        }())
    return isDebugBuild
}()

/// A debug build stops at a policy that has problems.
@Suite(.enabled(if: isDebugBuild)) struct RefusedPolicyTests {
    /// Each thing that is made or reconfigured with a policy.
    enum Making: String, CaseIterable, Codable, Sendable {
        case breaker, breakerAgain, registry, registryOwn, registryAgain, registryKey
        case retry, adaptiveRetry, retryBudget, concurrencyRetryBudget, retryQuota
        case bulkhead, bulkheadAgain, concurrencyLimiter, rateLimiter, rateLimiterAgain, sendRateLimiter
        case throttle, balancer, hedge, cache, batcher
        case chaos, chaosAgain, chaosLatency, simulation
    }

    /// A backtrace of each process that stops would take seconds.
    init() { setenv("SWIFT_BACKTRACE", "enable=no", 1) }

    @Test(arguments: Making.allCases)
    func `nothing is made or goes on with a value out of its range`(making: Making) async {
        await #expect(processExitsWith: .failure) { [making] in try making.withWrongPolicy() }
    }

    @Test func `the message names all that is wrong, and what was meant`() async throws {
        let result = try await #require(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            var policy = CircuitBreakerPolicy(failureRate: 50)
            policy.open.multiplier = 0
            _ = CircuitBreaker("search", policy: policy)
        }
        let told = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(
            told.contains(
                "search: CircuitBreakerPolicy has values out of range: failureRate is 50, but must be "
                    + "above 0 to 1 (a share: write 0.5 for 50 %); open.multiplier is 0, but must be 1 or more"
            ),
            "\(told)")
    }
}

extension RefusedPolicyTests.Making {
    private static let perCent = CircuitBreakerPolicy(failureRate: 50)
    private static let nothing = RateLimitPolicy(permits: 0)

    fileprivate func withWrongPolicy() throws {
        switch self {
        case .breaker, .breakerAgain, .registry, .registryOwn, .registryAgain, .registryKey: wrongBreaker()
        case .retry, .adaptiveRetry, .retryBudget, .concurrencyRetryBudget, .retryQuota: wrongRetry()
        case .chaos, .chaosAgain, .chaosLatency: wrongChaos()
        case .hedge, .cache, .batcher, .simulation: try wrongCall()
        default: wrongLimit()
        }
    }

    private func wrongBreaker() {
        switch self {
        case .breaker: _ = CircuitBreaker("a", policy: Self.perCent)
        case .breakerAgain: CircuitBreaker("a").reconfigure(Self.perCent)
        case .registry: _ = CircuitBreakerRegistry<String>(Self.perCent)
        case .registryOwn: _ = CircuitBreakerRegistry<String>(own: ["a": Self.perCent])
        case .registryAgain: CircuitBreakerRegistry<String>().reconfigure(Self.perCent)
        default: CircuitBreakerRegistry<String>().reconfigure("a", Self.perCent)
        }
    }

    private func wrongRetry() {
        switch self {
        case .retry: _ = Retry("a", policy: RetryPolicy(maximumAttempts: 0))
        case .adaptiveRetry:
            var policy = AdaptiveRetryPolicy()
            policy.arms = []
            _ = AdaptiveRetry("a", policy: policy)
        case .retryBudget: _ = RetryBudget(RetryBudget.Policy(ratio: -1))
        case .concurrencyRetryBudget: _ = ConcurrencyRetryBudget(.init(maximumShare: 20))
        default: _ = RetryQuota(.throttled(ratio: 0))
        }
    }

    private func wrongChaos() {
        switch self {
        case .chaos: _ = ChaosBehavior("a", policy: ChaosPolicy(rate: 5)) { _ in }
        case .chaosAgain: ChaosBehavior("a") { _ in }.reconfigure(ChaosPolicy(rate: 5))
        default: _ = ChaosLatency("a", waiting: .seconds(-1))
        }
    }

    private func wrongCall() throws {
        switch self {
        case .hedge: _ = Hedge("a", policy: HedgePolicy(maximumHedges: 11))
        case .cache:
            var policy = CachePolicy()
            policy.jitter = 10
            _ = Cache<Int, Int>(policy: policy)
        case .batcher: _ = Batcher<Int, Int>("a", policy: BatcherPolicy(queue: 0)) { $0 }
        default:
            var policy = SimulationPolicy()
            policy.late = 10
            try Simulation.run(seed: 1, policy: policy) { _ in }
        }
    }

    private func wrongLimit() {
        switch self {
        case .bulkhead: _ = Bulkhead("a", policy: BulkheadPolicy(limit: 0))
        case .bulkheadAgain: Bulkhead("a").reconfigure(BulkheadPolicy(queue: -1))
        case .concurrencyLimiter: _ = ConcurrencyLimiter("a", policy: ConcurrencyLimitPolicy(minimum: 0))
        case .rateLimiter: _ = RateLimiter("a", policy: Self.nothing)
        case .rateLimiterAgain: RateLimiter("a").reconfigure(Self.nothing)
        case .sendRateLimiter:
            var policy = SendRateLimiterPolicy()
            policy.scale = 0
            _ = SendRateLimiter("a", policy: policy) { _ in false }
        case .throttle:
            var policy = AdaptiveThrottle.Policy()
            policy.successThreshold = 90
            _ = AdaptiveThrottle("a", policy: policy)
        default:
            _ = LoadBalancer("a", targets: ["b"], policy: LoadBalancerPolicy(decay: .zero))
        }
    }
}
