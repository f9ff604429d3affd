extension OutlierEjectionPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("consecutiveFailures", consecutiveFailures, .atLeast(1))
        checks.range("deviations", deviations, .above(0))
        checks.range("minimumCalls", minimumCalls, .atLeast(1))
        checks.range("minimumTargets", minimumTargets, .atLeast(2))
        checks.range("interval", interval, .above(.zero))
        checks.range("base", base, .above(.zero))
        checks.range("maximum", maximum, .atLeast(base))
        checks.range("jitter", jitter, .atLeast(.zero))
        checks.share("maximumShare", maximumShare, .from(0, to: 1))
        return checks.problems
    }
}
