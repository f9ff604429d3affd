/// Which targets are needed for the busiest time, even when the largest of them is lost (N-1).
///
/// A calculation: it learns nothing. The peak is the 95 % quantile of what may come: mean + 1.65 sqrt(dispersion x mean),
/// the quantile of the normal distribution with the variance that was measured.
public struct CapacityPlan: Sendable, Hashable {
    /// What comes in a span of time, such as five minutes.
    public struct Demand: Sendable, Hashable {
        /// What is expected. Range: 0 or more.
        public var mean: Double
        /// The variance for each unit of the mean, 1 for requests that come independently of each other. Range: 0 or more.
        public var dispersion: Double

        /// Creates a demand.
        public init(mean: Double, dispersion: Double) {
            self.mean = mean.isFinite ? max(0, mean) : 0
            self.dispersion = dispersion.isFinite ? max(0, dispersion) : 1
        }

        /// What 19 of 20 spans stay below.
        public var peak: Double { mean + 1.65 * (dispersion * mean).squareRoot() }
    }

    /// What 19 of 20 spans stay below.
    public let peak: Double
    /// The places of the targets that are needed, the largest first: the smallest set that carries the peak without its
    /// largest member. All of them if they are not enough.
    public let needed: [Int]
    /// What ``needed`` can carry without its largest member.
    public let carried: Double

    /// Creates a plan.
    ///
    /// - Parameters:
    ///   - demand: What comes in the busiest span.
    ///   - limits: What each target lets through in a span of the same length, in the same unit; what is not a number or
    ///     below 0 counts as 0. Infinite if it has no limit.
    public init(for demand: Demand, limits: [Double]) {
        let limits = limits.map { $0 > 0 ? $0 : 0 }
        // Among equals in the order of the list; a set of the largest is the smallest set.
        let order = limits.indices.sorted { (limits[$1], $0) < (limits[$0], $1) }
        var chosen: [Int] = [], carried = 0.0
        for (rank, index) in order.enumerated() {
            if rank >= 1, carried >= demand.peak { break }
            chosen.append(index)
            if rank > 0 { carried += limits[index] }
        }
        peak = demand.peak
        needed = chosen
        self.carried = carried
    }

    /// Whether the peak is carried.
    public var isEnough: Bool { missing == 0 }

    /// By how much the peak is missed; 0 if it is carried.
    public var missing: Double { max(0, peak - carried) }
}
