#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How long incidents last: a lognormal distribution that is learned from past ones, and what it says of one that has
/// already lasted a time. A decision: no clock, lock or task. All in seconds.
///
/// Begins with what 542 public reports of incidents of two large providers show: a median of 75 minutes and a standard
/// deviation of the logarithm of 1.2. Such times have a long tail: the longer an incident lasts, the longer it is expected
/// to go on.
public struct IncidentLength: Sendable, Hashable, Codable {
    /// How many incidents what is assumed counts for: the mean and, since a spread is harder to learn, the variance.
    private static let weights = (mean: 4.0, variance: 8.0)
    /// The most incidents that are remembered; older ones fade.
    private static let most = 60.0
    /// Shorter ones count as this; what is shorter is no incident.
    private static let shortest = 30.0

    /// The mean of the logarithm.
    public private(set) var mean: Double
    /// The variance of the logarithm. Range: 0.09 to 6.25.
    public private(set) var variance: Double
    private var meanWeight = weights.mean, varianceWeight = weights.variance

    /// Creates an estimate.
    ///
    /// - Parameters:
    ///   - median: What to assume before anything was seen. Range: above 0. Default: 4,500, or 75 minutes.
    ///   - deviation: The standard deviation of the logarithm. Default: 1.2.
    public init(median: Double = 4500, deviation: Double = 1.2) {
        mean = log(max(Self.shortest, median))
        variance = min(6.25, max(0.09, deviation * deviation))
    }

    /// Learns from an incident that is over: the update of a normal mean and variance with a conjugate prior.
    public mutating func note(_ length: Double) {
        guard length == length else { return }
        let off = log(min(1e9, max(Self.shortest, length))) - mean
        let square = off * off * meanWeight / (meanWeight + 1)
        meanWeight = min(Self.most, meanWeight + 1)
        varianceWeight = min(Self.most, varianceWeight + 1)
        mean += off / meanWeight
        variance += (square - variance) / varianceWeight
        variance = min(6.25, max(0.09, variance))
    }

    /// The median length.
    public var median: Double { exp(mean) }

    /// How long one that has lasted `age` is expected to go on: the mean residual life.
    ///
    /// A few long ones make it large; half of the incidents end sooner than ``remaining(after:share:)`` says.
    public func expectedRemaining(after age: Double) -> Double {
        let deviation = variance.squareRoot(), position = position(of: age)
        let time = exp(mean + 0.5 * variance) * Self.tail(position - deviation) / Self.tail(position)
        return max(0, time - exp(mean + position * deviation))
    }

    /// How likely it is that one which has lasted `age` ends within a time. Range: 0 to 1.
    public func ends(within horizon: Double, after age: Double) -> Double {
        guard horizon > 0 else { return 0 }
        let left = Self.tail(position(of: max(0, age) + horizon)) / Self.tail(position(of: age))
        return min(1, max(0, 1 - left))
    }

    /// The time within which a share of those that have lasted `age` end.
    ///
    /// - Parameter share: Range: 0 to 0.99; what is outside counts as the nearer end. Default: a half.
    public func remaining(after age: Double, share: Double = 0.5) -> Double {
        let share = min(0.99, max(0, share))
        var low = 0.0, high = 60.0
        while ends(within: high, after: age) < share, high < 1e9 { (low, high) = (high, high * 2) }
        for _ in 0..<40 {
            let middle = 0.5 * (low + high)
            if ends(within: middle, after: age) < share { low = middle } else { high = middle }
        }
        return 0.5 * (low + high)
    }

    /// How many standard deviations the logarithm of a time is from the mean; within 30, where tails are still numbers.
    private func position(of time: Double) -> Double {
        guard time > 0 else { return -30 }
        return min(30, max(-30, (log(time) - mean) / variance.squareRoot()))
    }

    /// How likely a standard normal number is larger.
    private static func tail(_ position: Double) -> Double { 0.5 * erfc(position / 2.0.squareRoot()) }

    /// Whether what was read can be.
    var isSound: Bool {
        mean.isFinite && (0...21).contains(mean) && (0.09...6.25).contains(variance)
            && (1...Self.most).contains(meanWeight) && (1...Self.most).contains(varianceWeight)
    }
}
