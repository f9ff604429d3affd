extension RetryPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("maximumAttempts", maximumAttempts, .atLeast(1))
        checks.nested("backoff", backoff)
        retryAfter.check(&checks)
        checks.range("maximumDuration", maximumDuration, .atLeast(.zero))
        return checks.problems
    }
}

extension RetryPolicy.RetryAfter {
    /// Checks it as the setting `retryAfter`.
    func check(_ checks: inout PolicyChecks) {
        switch self {
        case .honoured(let ceiling), .exact(let ceiling):
            checks.range("retryAfter.ceiling", ceiling, .atLeast(.zero))
        case .clamped(let most): checks.range("retryAfter.clamped", most, .atLeast(.zero))
        case .ignored: break
        }
    }
}
