extension HedgePolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        switch delay {
        case .fixed(let time): checks.range("delay.fixed", time, .atLeast(.zero))
        case .quantile(let share, let minimum, let meanwhile):
            checks.share("delay.quantile", share, .from(0.01, to: 0.999))
            checks.range("delay.minimum", minimum, .atLeast(.zero))
            checks.range("delay.meanwhile", meanwhile, .atLeast(.zero))
        case .afterFailure: break
        }
        checks.range("maximumHedges", maximumHedges, .from(0, to: Self.mostHedges))
        checks.range("maximumCost", maximumCost, .atLeast(0))
        checks.range("window", window, .from(1, to: 10_000))
        checks.range("warmUp", warmUp, .atLeast(1))
        return checks.problems
    }
}
