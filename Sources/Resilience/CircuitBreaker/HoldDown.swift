/// How fast something learned may move, so that a short bad time cannot redefine what is normal. A decision.
struct HoldDown: Sendable, Hashable {
    /// Results are gathered for so long before they become history.
    static let slice = Duration.seconds(10)

    /// The most that the value may change by within a minute, as a factor in both directions.
    let changePerMinute: Double

    /// The value nearest to `target` that may be reached from `current` after `elapsed`.
    ///
    /// However finely a minute is cut, its steps multiply to no more than the factor: each is 1 + m * 2(c - 1)/(c + 1),
    /// which is below c to the power of m.
    func step(from current: Double, to target: Double, after elapsed: Duration) -> Double {
        // An idle time is no licence to jump: what is new is a minute's worth at most.
        let minutes = min(max(elapsed / .seconds(60), 0), 1)
        let change = changePerMinute > 1 ? changePerMinute : 1
        let factor = 1 + minutes * 2 * (change - 1) / (change + 1)
        return min(max(target, current / factor), current * factor)
    }

    /// The share of a weight that is left after `elapsed`.
    static func kept(after elapsed: Duration, halfLife: Duration) -> Double {
        .half(toThe: max(0, elapsed / max(halfLife, .milliseconds(1))))
    }
}
