extension ChaosPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.share("rate", rate, .from(0, to: 1))
        return checks.problems
    }
}
