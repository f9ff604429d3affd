extension CachePolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("capacity", capacity, .atLeast(1))
        checks.range("freshFor", freshFor, .above(.zero))
        checks.range("staleWhileRevalidate", staleWhileRevalidate, .atLeast(.zero))
        checks.range("staleIfError", staleIfError, .atLeast(.zero))
        checks.share("jitter", jitter, .from(0, to: 1))
        checks.range("pauseAfterFailure", pauseAfterFailure, .atLeast(.zero))
        checks.range("errorsFor", errorsFor, .atLeast(.zero))
        checks.range("maximumLoads", maximumLoads, .atLeast(0))
        checks.range("tierTimeout", tierTimeout, .above(.zero))
        return checks.problems
    }
}
