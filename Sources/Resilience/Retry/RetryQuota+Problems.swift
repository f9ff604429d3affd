extension RetryQuota.Rule: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        switch self {
        case .returned(let cost, let timeoutCost, let increment):
            checks.range("cost", cost, .atLeast(0))
            checks.range("timeoutCost", timeoutCost, .atLeast(0))
            checks.range("increment", increment, .atLeast(0))
        case .throttled(let ratio): checks.range("ratio", ratio, .above(0))
        }
        return checks.problems
    }
}
