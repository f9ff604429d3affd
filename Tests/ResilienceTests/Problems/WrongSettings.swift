import Resilience
import ResilienceTesting

/// One wrong value for each setting of each policy.
enum WrongSettings {
    static let all: [WrongSetting] =
        breaker + breakerTimes + verdicts + adaptiveRetry + retry + budgets + rates + concurrency + balancing
        + others

    private static func breaker(_ window: CircuitBreakerPolicy.Window) -> CircuitBreakerPolicy {
        CircuitBreakerPolicy(window: window)
    }

    private static func breaker(_ verdict: CircuitBreakerPolicy.Verdict) -> CircuitBreakerPolicy {
        var policy = CircuitBreakerPolicy()
        policy.verdict = verdict
        return policy
    }

    private static let adaptiveBreaker = {
        var policy = CircuitBreakerPolicy()
        policy.adaptiveRate = .init()
        policy.adaptiveSlowCall = .init()
        return policy
    }()

    private static let breaker: [WrongSetting] = [
        WrongSetting(breaker(.calls(10)), "window.calls") { $0.window = .calls(0) },
        WrongSetting(CircuitBreakerPolicy(), "window.time") { $0.window = .time(.zero) },
        WrongSetting(CircuitBreakerPolicy(), "window.slices") {
            $0.window = .time(.seconds(1), slices: 1001)
        },
        WrongSetting(breaker(.interval(.seconds(1))), "window.interval") { $0.window = .interval(.zero) },
        WrongSetting(CircuitBreakerPolicy(), "failureRate") { $0.failureRate = 50 },
        WrongSetting(adaptiveBreaker, "adaptiveRate.maximum") { $0.adaptiveRate?.maximum = 80 },
        WrongSetting(CircuitBreakerPolicy(), "ramp[0]") { $0.ramp = [0] },
        WrongSetting(CircuitBreakerPolicy(), "rampStage") { $0.rampStage = .zero },
        WrongSetting(CircuitBreakerPolicy(), "slowCallRate") { $0.slowCallRate = .nan },
        WrongSetting(CircuitBreakerPolicy(), "slowCallDuration") { $0.slowCallDuration = .zero },
        WrongSetting(adaptiveBreaker, "adaptiveSlowCall.share") { $0.adaptiveSlowCall?.share = 95 },
        WrongSetting(CircuitBreakerPolicy(), "minimumCalls") { $0.minimumCalls = 0 },
        WrongSetting(CircuitBreakerPolicy(), "failureCount") { $0.failureCount = 0 },
        WrongSetting(CircuitBreakerPolicy(), "consecutiveFailures") { $0.consecutiveFailures = -1 },
        WrongSetting(CircuitBreakerPolicy(), "open.jitter") { $0.open.jitter = 20 },
        WrongSetting(CircuitBreakerPolicy(), "probeLease") { $0.probeLease = .zero },
        WrongSetting(CircuitBreakerPolicy(), "maximumHalfOpen") { $0.maximumHalfOpen = .seconds(-1) },
    ]

    private static let breakerTimes: [WrongSetting] = {
        typealias Open = CircuitBreakerPolicy.OpenTime
        typealias Rate = CircuitBreakerPolicy.AdaptiveRate
        typealias Slow = CircuitBreakerPolicy.AdaptiveSlowCall
        return [
            WrongSetting(Open(), "first") { $0.first = .seconds(-1) },
            WrongSetting(Open(), "multiplier") { $0.multiplier = 0 },
            WrongSetting(Open(), "maximum") { $0.maximum = .seconds(1) },
            WrongSetting(Open(), "jitter") { $0.jitter = 20 },
            WrongSetting(Open(), "steps[0]") { $0.steps = [.seconds(-1)] },
            WrongSetting(Open(), "decay") { $0.decay = .zero },
            WrongSetting(Rate(), "minimum") { $0.minimum = 15 },
            WrongSetting(Rate(), "maximum") { $0.maximum = 80 },
            WrongSetting(Rate(), "deviations") { $0.deviations = -1 },
            WrongSetting(Rate(), "halfLife") { $0.halfLife = .zero },
            WrongSetting(Rate(), "highestNormal") { $0.highestNormal = 30 },
            WrongSetting(Rate(), "changePerMinute") { $0.changePerMinute = 1 },
            WrongSetting(Slow(), "minimum") { $0.minimum = .zero },
            WrongSetting(Slow(), "maximum") { $0.maximum = .seconds(1081) },
            WrongSetting(Slow(), "share") { $0.share = 95 },
            WrongSetting(Slow(), "multiple") { $0.multiple = 0.5 },
            WrongSetting(Slow(), "halfLife") { $0.halfLife = .zero },
            WrongSetting(Slow(), "changePerMinute") { $0.changePerMinute = 0 },
            WrongSetting(Slow(), "warmUp") { $0.warmUp = 0 },
        ]
    }()

    private static let verdicts: [WrongSetting] = [
        WrongSetting(CircuitBreakerPolicy(), "verdict.consecutiveSuccesses") {
            $0.verdict = .consecutiveSuccesses(0)
        },
        WrongSetting(breaker(.rate(calls: 3)), "verdict.calls") { $0.verdict = .rate(calls: 0) },
        WrongSetting(breaker(.successes(2, of: 3)), "verdict.successes") {
            $0.verdict = .successes(5, of: 3)
        },
        WrongSetting(breaker(.successes(1, of: 3)), "verdict.of") { $0.verdict = .successes(1, of: 0) },
        WrongSetting(breaker(.tolerance(0.5, calls: 3)), "verdict.tolerance") {
            $0.verdict = .tolerance(50, calls: 3)
        },
        WrongSetting(breaker(.tolerance(0.5, calls: 3)), "verdict.calls") {
            $0.verdict = .tolerance(0.5, calls: 0)
        },
    ]

    private static let adaptiveRetry: [WrongSetting] = [
        WrongSetting(AdaptiveRetryPolicy(), "arms.count") { $0.arms = [] },
        WrongSetting(AdaptiveRetryPolicy(), "arms[1].name") { $0.arms = [.fixed, .fixed] },
        WrongSetting(AdaptiveRetryPolicy(), "arms[0].backoff.base") {
            $0.arms[0].backoff.base = .seconds(-1)
        },
        WrongSetting(AdaptiveRetryPolicy(), "learning.fallback") { $0.learning.fallback = 4 },
        WrongSetting(AdaptiveRetryPolicy(), "learning.discount") { $0.learning.discount = 2 },
        WrongSetting(AdaptiveRetryPolicy(), "maximumAttempts") { $0.maximumAttempts = 0 },
        WrongSetting(AdaptiveRetryPolicy(), "maximumDuration") { $0.maximumDuration = .seconds(-1) },
        WrongSetting(AdaptiveRetryPolicy(), "retryAfter.ceiling") {
            $0.retryAfter = .honoured(ceiling: .seconds(-1))
        },
        WrongSetting(AdaptiveRetryPolicy(), "spread") { $0.spread = .seconds(-1) },
        WrongSetting(RetryBanditPolicy(), "exploration") { $0.exploration = 2 },
        WrongSetting(RetryBanditPolicy(), "minimumSamples") { $0.minimumSamples = -1 },
        WrongSetting(RetryBanditPolicy(), "fallback") { $0.fallback = 64 },
        WrongSetting(RetryBanditPolicy(), "discount") { $0.discount = .nan },
        WrongSetting(RetryBanditPolicy(), "halfLife") { $0.halfLife = .zero },
        WrongSetting(RetryBanditPolicy(), "delayCost") { $0.delayCost = .infinity },
        WrongSetting(RetryBanditPolicy(), "maximumKeys") { $0.maximumKeys = 0 },
    ]

    private static let retry: [WrongSetting] = [
        WrongSetting(RetryPolicy(), "maximumAttempts") { $0.maximumAttempts = 0 },
        WrongSetting(RetryPolicy(), "backoff.base") { $0.backoff.base = .seconds(-1) },
        WrongSetting(RetryPolicy(), "retryAfter.ceiling") {
            $0.retryAfter = .honoured(ceiling: .seconds(-1))
        },
        WrongSetting(RetryPolicy(retryAfter: .clamped(.seconds(1))), "retryAfter.clamped") {
            $0.retryAfter = .clamped(.seconds(-1))
        },
        WrongSetting(RetryPolicy(), "maximumDuration") { $0.maximumDuration = .seconds(-1) },
        WrongSetting(Backoff(), "base") { $0.base = .seconds(-1) },
        WrongSetting(Backoff(), "growth.multiplier") { $0.growth = .exponential(multiplier: 0) },
        WrongSetting(Backoff(growth: .listed([.seconds(1)])), "growth.listed[0]") {
            $0.growth = .listed([.seconds(-1)])
        },
        WrongSetting(Backoff(jitter: .proportional(0.2)), "jitter.proportional") {
            $0.jitter = .proportional(20)
        },
        WrongSetting(Backoff(jitter: .absolute(.seconds(1))), "jitter.absolute") {
            $0.jitter = .absolute(.seconds(-1))
        },
        WrongSetting(Backoff(jitter: .added(.seconds(1))), "jitter.added") {
            $0.jitter = .added(.seconds(-1))
        },
        WrongSetting(Backoff(), "minimum") { $0.minimum = .seconds(-1) },
        WrongSetting(Backoff(), "maximum") { $0.maximum = .seconds(Int64.max) },
    ]

    private static let budgets: [WrongSetting] = [
        WrongSetting(RetryBudget.Policy(), "ratio") { $0.ratio = 1001 },
        WrongSetting(RetryBudget.Policy(), "minimumPerSecond") { $0.minimumPerSecond = -1 },
        WrongSetting(RetryBudget.Policy(), "timeToLive") { $0.timeToLive = .zero },
        WrongSetting(ConcurrencyRetryBudget.Policy(), "maximumShare") { $0.maximumShare = 20 },
        WrongSetting(ConcurrencyRetryBudget.Policy(), "floor") { $0.floor = -1 },
        WrongSetting(RetryQuota.Rule.returned(), "cost") { $0 = .returned(cost: -1) },
        WrongSetting(RetryQuota.Rule.returned(), "timeoutCost") { $0 = .returned(timeoutCost: -1) },
        WrongSetting(RetryQuota.Rule.returned(), "increment") { $0 = .returned(increment: -1) },
        WrongSetting(RetryQuota.Rule.throttled(), "ratio") { $0 = .throttled(ratio: 0) },
    ]

    private static let rates: [WrongSetting] = [
        WrongSetting(RateLimitPolicy(), "permits") { $0.permits = 0 },
        WrongSetting(RateLimitPolicy(), "period") { $0.period = .zero },
        WrongSetting(RateLimitPolicy(), "capacity") { $0.capacity = 0 },
        WrongSetting(RateLimitPolicy(), "initial") { $0.initial = -1 },
        WrongSetting(RateLimitPolicy(), "maximumWait") { $0.maximumWait = .seconds(-1) },
        WrongSetting(RateLimitPolicy(), "maximumWaiters") { $0.maximumWaiters = -1 },
        WrongSetting(SendRateLimiterPolicy(), "beta") { $0.beta = 70 },
        WrongSetting(SendRateLimiterPolicy(), "scale") { $0.scale = 0 },
        WrongSetting(SendRateLimiterPolicy(), "minimumRate") { $0.minimumRate = 0 },
        WrongSetting(SendRateLimiterPolicy(), "maximumWait") { $0.maximumWait = .seconds(-1) },
        WrongSetting(AdaptiveThrottle.Policy(), "successThreshold") { $0.successThreshold = 90 },
        WrongSetting(AdaptiveThrottle.Policy(), "maximumRejection") { $0.maximumRejection = 90 },
        WrongSetting(AdaptiveThrottle.Policy(), "minimumCalls") { $0.minimumCalls = 0 },
        WrongSetting(AdaptiveThrottle.Policy(), "window") { $0.window = .milliseconds(19) },
    ]

    private static let concurrency: [WrongSetting] = {
        typealias Limit = ConcurrencyLimitPolicy
        typealias Vegas = ConcurrencyLimitPolicy.Vegas
        typealias Gradient = ConcurrencyLimitPolicy.Gradient
        return [
            WrongSetting(BulkheadPolicy(), "limit") { $0.limit = 0 },
            WrongSetting(BulkheadPolicy(), "queue") { $0.queue = -1 },
            WrongSetting(BulkheadPolicy(), "maximumWait") { $0.maximumWait = .seconds(-1) },
            WrongSetting(BulkheadPolicy(), "partitions[a]") { $0.partitions = ["a": 50, "b": 0.5] },
            WrongSetting(Limit(), "algorithm.gradient.window") {
                $0.algorithm = .gradient(Gradient(window: 0))
            },
            WrongSetting(Limit(.vegas()), "algorithm.vegas.probe") {
                $0.algorithm = .vegas(Vegas(probe: 0))
            },
            WrongSetting(Limit(.aimd()), "algorithm.aimd.backoff") {
                $0.algorithm = .aimd(Limit.AIMD(backoff: 1))
            },
            WrongSetting(Limit(), "initial") { $0.initial = 300 },
            WrongSetting(Limit(), "minimum") { $0.minimum = 0 },
            WrongSetting(Limit(), "maximum") { $0.maximum = 1 << 31 },
            WrongSetting(Limit.AIMD(), "backoff") { $0.backoff = 90 },
            WrongSetting(Limit.AIMD(), "timeout") { $0.timeout = .zero },
            WrongSetting(Vegas(), "alpha.logarithmic") { $0.alpha = .logarithmic(-1) },
            WrongSetting(Vegas(), "beta.logarithmic") { $0.beta = .logarithmic(.infinity) },
            WrongSetting(Vegas(), "threshold.logarithmic") { $0.threshold = .logarithmic(.nan) },
            WrongSetting(Vegas(), "decrease.logarithmic") { $0.decrease = .logarithmic(-1) },
            WrongSetting(Vegas(alpha: .fixed(1)), "alpha.fixed") { $0.alpha = .fixed(-1) },
            WrongSetting(Vegas(alpha: .share(0.1)), "alpha.share") { $0.alpha = .share(10) },
            WrongSetting(Vegas(), "smoothing") { $0.smoothing = 0 },
            WrongSetting(Vegas(), "probe") { $0.probe = 0 },
            WrongSetting(Gradient(), "tolerance") { $0.tolerance = 0.9 },
            WrongSetting(Gradient(), "smoothing") { $0.smoothing = 20 },
            WrongSetting(Gradient(), "window") { $0.window = 0 },
            WrongSetting(Gradient(), "queue") { $0.queue = -1 },
            WrongSetting(Gradient(), "probe") { $0.probe = 0 },
        ]
    }()

    private static let balancing: [WrongSetting] = [
        WrongSetting(LoadBalancerPolicy(), "unknownLatency") { $0.unknownLatency = .seconds(-1) },
        WrongSetting(LoadBalancerPolicy(), "decay") { $0.decay = .zero },
        WrongSetting(LoadBalancerPolicy(), "failurePenalty") { $0.failurePenalty = .seconds(-1) },
        WrongSetting(LoadBalancerPolicy(), "outliers.base") { $0.outliers?.base = .zero },
        WrongSetting(OutlierEjectionPolicy(), "consecutiveFailures") { $0.consecutiveFailures = 0 },
        WrongSetting(OutlierEjectionPolicy(), "deviations") { $0.deviations = 0 },
        WrongSetting(OutlierEjectionPolicy(), "minimumCalls") { $0.minimumCalls = 0 },
        WrongSetting(OutlierEjectionPolicy(), "minimumTargets") { $0.minimumTargets = 1 },
        WrongSetting(OutlierEjectionPolicy(), "interval") { $0.interval = .zero },
        WrongSetting(OutlierEjectionPolicy(), "base") { $0.base = .zero },
        WrongSetting(OutlierEjectionPolicy(), "maximum") { $0.maximum = .seconds(1) },
        WrongSetting(OutlierEjectionPolicy(), "jitter") { $0.jitter = .seconds(-1) },
        WrongSetting(OutlierEjectionPolicy(), "maximumShare") { $0.maximumShare = 10 },
    ]

    private static let quantile = HedgePolicy(delay: .quantile(0.95, meanwhile: .seconds(1)))

    private static let others: [WrongSetting] = [
        WrongSetting(HedgePolicy(), "delay.fixed") { $0.delay = .fixed(.seconds(-1)) },
        WrongSetting(quantile, "delay.quantile") { $0.delay = .quantile(95, meanwhile: .seconds(1)) },
        WrongSetting(quantile, "delay.minimum") {
            $0.delay = .quantile(0.9, minimum: .seconds(-1), meanwhile: .seconds(1))
        },
        WrongSetting(quantile, "delay.meanwhile") { $0.delay = .quantile(0.9, meanwhile: .seconds(-1)) },
        WrongSetting(HedgePolicy(), "maximumHedges") { $0 = HedgePolicy(maximumHedges: 11) },
        WrongSetting(HedgePolicy(), "maximumCost") { $0.maximumCost = -1 },
        WrongSetting(HedgePolicy(), "window") { $0.window = 0 },
        WrongSetting(HedgePolicy(), "warmUp") { $0.warmUp = 0 },
        WrongSetting(CachePolicy(), "capacity") { $0.capacity = 0 },
        WrongSetting(CachePolicy(), "freshFor") { $0.freshFor = .zero },
        WrongSetting(CachePolicy(), "staleWhileRevalidate") { $0.staleWhileRevalidate = .seconds(-1) },
        WrongSetting(CachePolicy(), "staleIfError") { $0.staleIfError = .seconds(-1) },
        WrongSetting(CachePolicy(), "jitter") { $0.jitter = 10 },
        WrongSetting(CachePolicy(), "pauseAfterFailure") { $0.pauseAfterFailure = .seconds(-1) },
        WrongSetting(CachePolicy(), "errorsFor") { $0.errorsFor = .seconds(-1) },
        WrongSetting(CachePolicy(), "maximumLoads") { $0.maximumLoads = -1 },
        WrongSetting(CachePolicy(), "tierTimeout") { $0.tierTimeout = .zero },
        WrongSetting(BatcherPolicy(), "sizing.initial") { $0.sizing = .hybrid(initial: 0) },
        WrongSetting(BatcherPolicy(.adaptive()), "sizing.initial") { $0.sizing = .adaptive(initial: 0) },
        WrongSetting(BatcherPolicy(.fixed(1)), "sizing.fixed") { $0.sizing = .fixed(0) },
        WrongSetting(BatcherPolicy(), "maximumSize") { $0.maximumSize = 0 },
        WrongSetting(BatcherPolicy(), "maximumLinger") { $0.maximumLinger = .seconds(-1) },
        WrongSetting(BatcherPolicy(), "target") { $0.target = .zero },
        WrongSetting(BatcherPolicy(), "preferredSizes[0]") { $0.preferredSizes = [101] },
        WrongSetting(BatcherPolicy(), "maximumWeight") { $0.maximumWeight = 0 },
        WrongSetting(BatcherPolicy(), "maximumRunning") { $0.maximumRunning = 0 },
        WrongSetting(BatcherPolicy(), "queue") { $0.queue = 0 },
        WrongSetting(BatcherPolicy(), "splitDepth") { $0.splitDepth = 21 },
        WrongSetting(BatcherPolicy(), "maximumSplits") { $0.maximumSplits = -1 },
        WrongSetting(ChaosPolicy(), "rate") { $0.rate = 5 },
        WrongSetting(SimulationPolicy(), "maximumSteps") { $0.maximumSteps = 0 },
        WrongSetting(SimulationPolicy(), "late") { $0.late = 10 },
        WrongSetting(SimulationPolicy(), "cancelled") { $0.cancelled = -0.1 },
        WrongSetting(SimulationPolicy(), "failing") { $0.failing = .nan },
        WrongSetting(SimulationPolicy(), "stubborn") { $0.stubborn = 2 },
        WrongSetting(SimulationPolicy(), "longestDelay") { $0.longestDelay = .seconds(-1) },
    ]
}
