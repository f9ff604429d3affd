extension RateLimitPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        typealias Plan = RateLimiter.Plan
        var checks = PolicyChecks()
        checks.range("permits", permits, .from(1, to: Plan.mostPermits))
        checks.range("period", period, .from(.nanoseconds(1), to: .nanoseconds(Plan.longest)))
        checks.range("capacity", capacity, .from(1, to: Plan.mostPermits))
        checks.range("initial", initial, .atLeast(0))
        checks.range("maximumWait", maximumWait, .atLeast(.zero))
        checks.range("maximumWaiters", maximumWaiters, .atLeast(0))
        return checks.problems
    }
}
