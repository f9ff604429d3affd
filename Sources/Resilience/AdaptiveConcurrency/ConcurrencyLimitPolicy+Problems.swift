extension ConcurrencyLimitPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        switch algorithm {
        case .aimd(let aimd): checks.nested("algorithm.aimd", aimd)
        case .vegas(let vegas): checks.nested("algorithm.vegas", vegas)
        case .gradient(let gradient): checks.nested("algorithm.gradient", gradient)
        }
        checks.range("initial", initial, .from(minimum, to: maximum))
        checks.range("minimum", minimum, .from(1, to: 1 << 30))
        checks.range("maximum", maximum, .from(minimum, to: 1 << 30))
        return checks.problems
    }
}

extension ConcurrencyLimitPolicy.AIMD: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.share("backoff", backoff, .above(0, below: 1))
        checks.range("timeout", timeout, .above(.zero))
        return checks.problems
    }
}

extension ConcurrencyLimitPolicy.Vegas: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        alpha.check("alpha", &checks)
        beta.check("beta", &checks)
        threshold.check("threshold", &checks)
        decrease.check("decrease", &checks)
        checks.share("smoothing", smoothing, .above(0, to: 1))
        checks.range("probe", probe, .atLeast(1))
        return checks.problems
    }
}

extension ConcurrencyLimitPolicy.Gradient: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("tolerance", tolerance, .atLeast(1))
        checks.share("smoothing", smoothing, .above(0, to: 1))
        checks.range("window", window, .atLeast(1))
        checks.range("queue", queue, .atLeast(0))
        checks.range("probe", probe, .atLeast(1))
        return checks.problems
    }
}

extension ConcurrencyLimitPolicy.Amount {
    fileprivate func check(_ field: String, _ checks: inout PolicyChecks) {
        switch self {
        case .fixed(let number): checks.range("\(field).fixed", number, .atLeast(0))
        case .logarithmic(let factor): checks.range("\(field).logarithmic", factor, .atLeast(0))
        case .share(let share): checks.share("\(field).share", share, .from(0, to: 1))
        }
    }
}
