public import Resilience

extension SimulationPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        checks.range("maximumSteps", maximumSteps, .atLeast(1))
        checks.share("late", late, .from(0, to: 1))
        checks.share("cancelled", cancelled, .from(0, to: 1))
        checks.share("failing", failing, .from(0, to: 1))
        checks.share("stubborn", stubborn, .from(0, to: 1))
        checks.range("longestDelay", longestDelay, .atLeast(.zero))
        return checks.problems
    }
}
