extension AdaptiveThrottle.Policy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.share("successThreshold", successThreshold, .above(0, to: 1))
        checks.share("maximumRejection", maximumRejection, .from(0, to: 1))
        checks.range("minimumCalls", minimumCalls, .atLeast(1))
        checks.range("window", window, .atLeast(.milliseconds(20)))
        return checks.problems
    }
}
