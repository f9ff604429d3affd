extension LoadBalancerPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("unknownLatency", unknownLatency, .atLeast(.zero))
        checks.range("decay", decay, .atLeast(.nanoseconds(1)))
        checks.range("failurePenalty", failurePenalty, .atLeast(.zero))
        checks.nested("outliers", outliers)
        return checks.problems
    }
}
