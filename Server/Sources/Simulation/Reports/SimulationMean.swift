/// The mean of a figure over the runs of a policy, with its 95 % confidence interval.
///
/// The interval uses Student's t with one degree of freedom less than there are runs, for up to 30 runs, and 1.96 standard
/// errors above. It is not cut at a figure's natural bounds, so a share's interval may reach above 1. Runs count as
/// independent of each other; different scenarios are one sample here.
public struct SimulationMean: Sendable, Hashable {
    /// The mean; not a number if no run has the figure.
    public let mean: Double
    /// Half the interval's width; not a number with fewer than 2 runs.
    public let margin: Double
    /// The runs that have the figure.
    public let count: Int

    /// The interval's lower end; not a number with fewer than 2 runs.
    public var low: Double { mean - margin }
    /// The interval's upper end; not a number with fewer than 2 runs.
    public var high: Double { mean + margin }

    /// How many values the widest use of Student's t is for.
    static let fewest = 30

    /// What the reports say about the intervals.
    static let method = "95 % interval by Student's t up to 30 runs and by 1.96 standard errors above"

    /// A mean of values; those that are not finite do not count.
    init(of values: some Sequence<Double>) {
        let real = values.filter(\.isFinite)
        count = real.count
        guard !real.isEmpty else {
            (mean, margin) = (.nan, .nan)
            return
        }
        let center = real.reduce(0, +) / Double(real.count)
        let squares = real.reduce(0) { $0 + ($1 - center) * ($1 - center) }
        mean = center
        margin = Self.margin(squares: squares, count: real.count)
    }

    /// A ratio of sums, with the interval of the ratio estimator (W. G. Cochran, Sampling Techniques, 3rd edition,
    /// section 6.4): the spread of what each part differs from its share.
    ///
    /// Pairs with a value that is not finite do not count. No ratio exists unless the lower sum is above 0.
    init(ratioOf pairs: some Sequence<(upper: Double, lower: Double)>) {
        let real = pairs.filter { $0.upper.isFinite && $0.lower.isFinite }
        count = real.count
        let lower = real.reduce(0) { $0 + $1.lower }
        guard lower > 0 else {
            (mean, margin) = (.nan, .nan)
            return
        }
        let ratio = real.reduce(0) { $0 + $1.upper } / lower
        let squares = real.reduce(0) { sum, pair in
            let difference = pair.upper - ratio * pair.lower
            return sum + difference * difference
        }
        mean = ratio
        margin = Self.margin(squares: squares, count: real.count) * Double(real.count) / lower
    }

    /// A mean of which everything is known.
    private init(mean: Double, margin: Double, count: Int) {
        (self.mean, self.margin, self.count) = (mean, margin, count)
    }

    /// The same in another unit.
    func times(_ factor: Double) -> SimulationMean {
        SimulationMean(mean: mean * factor, margin: margin * abs(factor), count: count)
    }

    private static func margin(squares: Double, count: Int) -> Double {
        guard count > 1 else {
            return .nan
        }
        let n = Double(count)
        return quantile(count) * (squares / (n - 1) / n).squareRoot()
    }

    /// How many standard errors the interval reaches to each side.
    static func quantile(_ count: Int) -> Double {
        count > fewest ? 1.96 : students[max(2, count) - 2]
    }

    /// The 97.5th percentile of Student's distribution with 1, 2, ... 29 degrees of freedom.
    private static let students: [Double] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
    ]
}
