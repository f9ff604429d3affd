extension CircuitBreakerPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        window.check(&checks)
        checks.share("failureRate", failureRate, .above(0, to: 1))
        checks.nested("adaptiveRate", adaptiveRate)
        for (stage, share) in ramp.enumerated() { checks.share("ramp[\(stage)]", share, .above(0, to: 1)) }
        checks.range("rampStage", rampStage, .atLeast(.milliseconds(1)))
        checks.share("slowCallRate", slowCallRate, .above(0, to: 1))
        checks.range("slowCallDuration", slowCallDuration, .above(.zero))
        checks.nested("adaptiveSlowCall", adaptiveSlowCall)
        checks.range("minimumCalls", minimumCalls, .atLeast(1))
        checks.range("failureCount", failureCount, .atLeast(1))
        checks.range("consecutiveFailures", consecutiveFailures, .atLeast(1))
        checks.nested("open", open)
        verdict.check(&checks)
        checks.range("probeLease", probeLease, .above(.zero))
        checks.range("maximumHalfOpen", maximumHalfOpen, .above(.zero))
        return checks.problems
    }
}

extension CircuitBreakerPolicy.OpenTime: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("first", first, .atLeast(.zero))
        checks.range("multiplier", multiplier, .atLeast(1))
        // Fixed times take the place of both.
        checks.range("maximum", maximum, .atLeast(steps.isEmpty ? first : .zero))
        checks.share("jitter", jitter, .from(0, to: 1))
        for (opening, time) in steps.enumerated() { checks.range("steps[\(opening)]", time, .atLeast(.zero)) }
        checks.range("decay", decay, .above(.zero))
        return checks.problems
    }
}

extension CircuitBreakerPolicy.AdaptiveRate: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.share("minimum", minimum, .above(0, to: maximum))
        checks.share("maximum", maximum, .above(0, to: 1))
        checks.range("deviations", deviations, .atLeast(0))
        checks.range("halfLife", halfLife, .atLeast(.milliseconds(1)))
        checks.share("highestNormal", highestNormal, .from(0, to: 1))
        checks.range("changePerMinute", changePerMinute, .above(1))
        return checks.problems
    }
}

extension CircuitBreakerPolicy.AdaptiveSlowCall: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("minimum", minimum, .above(.zero, to: maximum))
        checks.range("maximum", maximum, .above(.zero, to: .seconds(18 * 60)))
        checks.share("share", share, .from(0.5, to: 0.999))
        checks.range("multiple", multiple, .atLeast(1))
        checks.range("halfLife", halfLife, .atLeast(.milliseconds(1)))
        checks.range("changePerMinute", changePerMinute, .above(1))
        checks.range("warmUp", warmUp, .atLeast(1))
        return checks.problems
    }
}

extension CircuitBreakerPolicy.Window {
    fileprivate func check(_ checks: inout PolicyChecks) {
        switch self {
        case .calls(let count): checks.range("window.calls", count, .from(1, to: 100_000))
        case .time(let duration, let slices, _):
            checks.range("window.time", duration, .above(.zero))
            checks.range("window.slices", slices, .from(1, to: 1000))
        case .interval(let duration): checks.range("window.interval", duration, .above(.zero))
        }
    }
}

extension CircuitBreakerPolicy.Verdict {
    fileprivate func check(_ checks: inout PolicyChecks) {
        switch self {
        case .consecutiveSuccesses(let count):
            checks.range("verdict.consecutiveSuccesses", count, .atLeast(1))
        case .rate(let calls): checks.range("verdict.calls", calls, .atLeast(1))
        case .successes(let successes, let calls):
            checks.range("verdict.successes", successes, .from(1, to: max(1, calls)))
            checks.range("verdict.of", calls, .atLeast(1))
        case .tolerance(let share, let calls):
            checks.share("verdict.tolerance", share, .from(0, to: 1))
            checks.range("verdict.calls", calls, .atLeast(1))
        }
    }
}
