#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Notices that a share of failures has changed: a two-sided cumulative sum for yes-or-no results (E. S. Page:
/// "Continuous inspection schemes", 1954), based on the level that it learns itself. A decision: no clock, lock or task.
public struct ChangeDetector: Sendable, Hashable {
    /// What was counted on one side since its sum last left zero.
    public struct Tally: Sendable, Hashable {
        /// Successes, by their weight.
        public var successes = 0.0
        /// Failures, by their weight.
        public var failures = 0.0

        mutating func count(_ weight: Double, _ succeeded: Bool) {
            if succeeded { successes += weight } else { failures += weight }
        }
    }

    /// The share of failures has changed.
    public struct Alarm: Sendable, Hashable {
        /// Whether there are more failures than before.
        public var isWorse: Bool
        /// What came since the change, as far as can be told.
        public var since: Tally
    }

    /// The usual share of failures. Range: 0 to 1.
    public private(set) var level: Double
    private let threshold: Double
    private var worse = 0.0, better = 0.0
    private var sinceWorse = Tally(), sinceBetter = Tally()

    /// Creates a detector.
    ///
    /// - Parameters:
    ///   - level: The share of failures to begin with. Default: 0.02.
    ///   - threshold: How large the sum must be for an alarm that things are worse. 4 finds a share of 30 % after 7 results
    ///     and is wrong 4 times in 10,000 results at 1 %; 5.5 after 10 and once.
    public init(level: Double = 0.02, threshold: Double = 4) {
        self.level = level
        self.threshold = threshold
    }

    /// Counts a result.
    ///
    /// - Parameter weight: How much it counts. Range: above 0 to 1.
    public mutating func note(_ succeeded: Bool, weight: Double = 1) -> Alarm? {
        let usual = min(0.6, max(0.02, level)), bad = min(0.95, usual + 0.35)
        sinceWorse.count(weight, succeeded)
        worse += weight * Self.evidence(succeeded, of: bad, against: usual)
        if worse <= 0 { (worse, sinceWorse) = (0, Tally()) }
        level += 0.01 * weight * ((succeeded ? 0 : 1) - level)
        if worse > threshold { return Alarm(isWorse: true, since: sinceWorse) }
        guard level > 0.08 else { return nil }
        sinceBetter.count(weight, succeeded)
        better += weight * Self.evidence(succeeded, of: level / 5, against: level)
        if better <= 0 { (better, sinceBetter) = (0, Tally()) }
        return better > 3 ? Alarm(isWorse: false, since: sinceBetter) : nil
    }

    /// Begins again at another level.
    public mutating func restart(level: Double) {
        self.level = level
        (worse, better, sinceWorse, sinceBetter) = (0, 0, Tally(), Tally())
    }

    private static func evidence(_ succeeded: Bool, of one: Double, against other: Double) -> Double {
        succeeded ? log((1 - one) / (1 - other)) : log(one / other)
    }
}
