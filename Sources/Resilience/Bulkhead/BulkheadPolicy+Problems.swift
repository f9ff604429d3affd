extension BulkheadPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("limit", limit, .atLeast(1))
        checks.range("queue", queue, .atLeast(0))
        checks.range("maximumWait", maximumWait, .atLeast(.zero))
        for (name, share) in partitions.sorted(by: { $0.key < $1.key }) {
            checks.share("partitions[\(name)]", share, .above(0, to: 1))
        }
        return checks.problems
    }
}
