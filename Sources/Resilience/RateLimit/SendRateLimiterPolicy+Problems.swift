extension SendRateLimiterPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.share("beta", beta, .from(0, to: 1))
        checks.range("scale", scale, .above(0, to: 1e6))
        checks.range("minimumRate", minimumRate, .from(0.001, to: 1e9))
        checks.range("maximumWait", maximumWait, .atLeast(.zero))
        return checks.problems
    }
}
