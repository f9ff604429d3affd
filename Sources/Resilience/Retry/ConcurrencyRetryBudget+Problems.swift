extension ConcurrencyRetryBudget.Policy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.share("maximumShare", maximumShare, .from(0, to: 1))
        checks.range("floor", floor, .atLeast(0))
        return checks.problems
    }
}
