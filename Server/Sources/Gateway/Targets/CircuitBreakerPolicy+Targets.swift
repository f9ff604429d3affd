public import Resilience

extension CircuitBreakerPolicy {
    /// What a target has unless its routes say otherwise: the library's defaults, and open after three failures in a row.
    public static let target: CircuitBreakerPolicy = {
        var policy = CircuitBreakerPolicy()
        policy.consecutiveFailures = 3
        return policy
    }()

    /// The same without a rule for failures in a row, which a target's ``TargetHealth`` counts itself: it knows which of
    /// them say something of the target.
    var withoutRuns: CircuitBreakerPolicy {
        var policy = self
        policy.consecutiveFailures = nil
        return policy
    }

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
