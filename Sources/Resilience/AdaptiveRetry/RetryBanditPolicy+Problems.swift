extension RetryBanditPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.share("exploration", exploration, .from(0, to: 1))
        checks.range("minimumSamples", minimumSamples, .atLeast(0))
        checks.range("fallback", fallback, .from(0, to: Self.mostArms - 1))
        checks.share("discount", discount, .from(0, to: 1))
        checks.range("halfLife", halfLife, .atLeast(.milliseconds(1)))
        checks.range("delayCost", delayCost, .from(0, to: 1e9))
        checks.range("maximumKeys", maximumKeys, .atLeast(1))
        return checks.problems
    }
}
