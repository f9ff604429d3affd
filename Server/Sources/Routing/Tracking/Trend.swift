#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where a target is going: the later half of a window compared with the earlier one.
public enum Trend: String, Sendable, Hashable, Codable {
    /// Fewer failures than before, or as many and clearly quicker answers.
    case improving
    /// No difference that is both certain and large enough to matter, or not enough requests to tell.
    case stable
    /// More failures than before, or as many and clearly slower answers.
    case declining

    /// One half of a window.
    struct Half {
        var successes = 0.0
        var requests = 0.0
        var total = LatencySketch()

        mutating func add(_ slice: TrackedSlice) {
            successes += Double(slice.successes)
            requests += Double(slice.successes) + slice.failureCount
            total.merge(slice.total)
        }

        var share: Double { successes / requests }
    }

    /// The requests that each half must have.
    private static let enough = 30.0
    /// How many standard errors a difference must have: 99 of 100, since two differences are looked at.
    private static let certain = 2.576
    /// The smallest difference of success that matters.
    private static let smallestShare = 0.01
    /// The smallest relative difference of the median time that matters.
    private static let smallestTime = 1.2

    /// Compares two halves: success by the z test of two proportions (with the pooled variance); the median time by its
    /// logarithm, with the standard error that a lognormal distribution of the measured width has.
    init(from earlier: Half, to later: Half) {
        self = Self.success(earlier, later)
        if self == .stable { self = Self.time(earlier, later) }
    }

    /// The trend of two classes of requests together. They are compared apart, so that it is no trend when users begin
    /// to ask more of what fails more often.
    init(_ one: Trend, _ other: Trend) {
        if one == .declining || other == .declining {
            self = .declining
        } else {
            self = one == .improving || other == .improving ? .improving : .stable
        }
    }

    private static func success(_ earlier: Half, _ later: Half) -> Trend {
        guard min(earlier.requests, later.requests) >= enough else { return .stable }
        let change = later.share - earlier.share
        let pooled = (earlier.successes + later.successes) / (earlier.requests + later.requests)
        let error = (pooled * (1 - pooled) * (1 / earlier.requests + 1 / later.requests)).squareRoot()
        guard abs(change) >= smallestShare, abs(change) > certain * error else { return .stable }
        return change > 0 ? .improving : .declining
    }

    private static func time(_ earlier: Half, _ later: Half) -> Trend {
        guard Double(min(earlier.total.count, later.total.count)) >= enough,
            let before = earlier.total.quantile(0.5), let after = later.total.quantile(0.5)
        else { return .stable }
        let change = log(after / before)
        // The variance of a median is pi/2 times that of a mean.
        let error = (0.5 * Double.pi * (variance(of: earlier.total) + variance(of: later.total))).squareRoot()
        guard abs(change) > log(smallestTime), abs(change) > certain * error else { return .stable }
        return change < 0 ? .improving : .declining
    }

    /// The variance of the mean of the logarithm, from the distance of the 10 % and 90 % quantiles.
    private static func variance(of sketch: LatencySketch) -> Double {
        guard let low = sketch.quantile(0.1), let high = sketch.quantile(0.9) else { return 1 }
        let deviation = max(0.05, log(high / low) / 2.563)
        return deviation * deviation / Double(max(1, sketch.count))
    }
}
