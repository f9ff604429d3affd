public import Resilience

extension CircuitBreakerPolicy {
    /// A breaker that is opened by what adaptive selection learns, and by nothing else: for 4 s at first, 1.7 times longer
    /// after each probe that fails, at most 45 s. Two probes must succeed to close it.
    public static let learned: CircuitBreakerPolicy = {
        var policy = CircuitBreakerPolicy(
            window: .calls(1), failureRate: nil,
            open: OpenTime(
                first: .seconds(4), multiplier: 1.7, maximum: .seconds(45), jitter: 0.2, decay: nil))
        policy.verdict = .consecutiveSuccesses(2)
        return policy
    }()
}
