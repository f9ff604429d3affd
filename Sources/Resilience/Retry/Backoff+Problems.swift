extension Backoff: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("base", base, .atLeast(.zero))
        growth.check(&checks)
        jitter.check(&checks)
        checks.range("minimum", minimum, .atLeast(.zero))
        checks.range("maximum", maximum, .atLeast(.zero))
        return checks.problems
    }
}

extension Backoff.Growth {
    fileprivate func check(_ checks: inout PolicyChecks) {
        switch self {
        case .exponential(let multiplier): checks.range("growth.multiplier", multiplier, .atLeast(1))
        case .listed(let delays):
            for (retry, delay) in delays.enumerated() {
                checks.range("growth.listed[\(retry)]", delay, .atLeast(.zero))
            }
        case .constant, .linear, .random: break
        }
    }
}

extension Backoff.Jitter {
    fileprivate func check(_ checks: inout PolicyChecks) {
        switch self {
        case .proportional(let share): checks.share("jitter.proportional", share, .from(0, to: 1))
        case .absolute(let spread): checks.range("jitter.absolute", spread, .atLeast(.zero))
        case .added(let spread): checks.range("jitter.added", spread, .atLeast(.zero))
        case .none, .full, .half, .decorrelated, .decorrelatedSmooth: break
        }
    }
}
