extension Timeout: CheckedPolicy {
    /// The limit if it is not above zero; empty when all is well. A debug build goes on all the same: a limit is often what
    /// is left of another one.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("limit", limit, .above(.zero))
        return checks.problems
    }
}

extension Deadline: CheckedPolicy {
    /// The limit if it is not above zero; empty when all is well. A debug build goes on all the same: a limit is often what
    /// is left of another one.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("limit", limit, .above(.zero))
        return checks.problems
    }
}
