extension RetryBudget.Policy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("ratio", ratio, .from(0, to: 1000))
        checks.range("minimumPerSecond", minimumPerSecond, .from(0, to: 1_000_000))
        checks.range("timeToLive", timeToLive, .above(.zero))
        return checks.problems
    }
}
