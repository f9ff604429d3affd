extension BatcherPolicy: CheckedPolicy {
    /// Every setting that is out of its range; empty when all is well.
    public var problems: [PolicyProblem] {
        var checks = PolicyChecks()
        switch sizing {
        case .fixed(let size): checks.range("sizing.fixed", size, .atLeast(1))
        case .adaptive(let initial), .hybrid(let initial):
            checks.range("sizing.initial", initial, .atLeast(1))
        case .timeBased, .loadBased: break
        }
        checks.range("maximumSize", maximumSize, .from(1, to: 1 << 20))
        checks.range("maximumLinger", maximumLinger, .atLeast(.zero))
        checks.range("target", target, .atLeast(.microseconds(1)))
        for (place, size) in preferredSizes.enumerated() {
            checks.range("preferredSizes[\(place)]", size, .from(1, to: maximumSize))
        }
        checks.range("maximumWeight", maximumWeight, .from(1, to: 1 << 40))
        checks.range("maximumRunning", maximumRunning, .atLeast(1))
        checks.range("queue", queue, .from(1, to: 1 << 20))
        checks.range("splitDepth", splitDepth, .from(0, to: 20))
        checks.range("maximumSplits", maximumSplits, .atLeast(0))
        return checks.problems
    }
}
