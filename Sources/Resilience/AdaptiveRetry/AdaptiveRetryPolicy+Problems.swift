extension AdaptiveRetryPolicy: CheckedPolicy {
    /// Every setting that is out of its range, and names that several arms have; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("arms.count", arms.count, .from(1, to: RetryBanditPolicy.mostArms))
        var names: Set<String> = []
        for (number, arm) in arms.enumerated() {
            if !names.insert(arm.name).inserted {
                checks.note("arms[\(number)].name", "'\(arm.name)'", "a name that no other arm has")
            }
            checks.nested("arms[\(number)].backoff", arm.backoff)
        }
        checks.nested("learning", learning)
        if (0..<RetryBanditPolicy.mostArms).contains(learning.fallback) {
            checks.range("learning.fallback", learning.fallback, .from(0, to: max(1, arms.count) - 1))
        }
        checks.range("maximumAttempts", maximumAttempts, .atLeast(1))
        checks.range("maximumDuration", maximumDuration, .atLeast(.zero))
        retryAfter.check(&checks)
        checks.range("spread", spread, .atLeast(.zero))
        return checks.problems
    }
}
