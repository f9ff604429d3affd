/// Where the share of good answers is going: a straight line through the slices of the last 7 days, by weighted least
/// squares. A decision: no clock, lock or task.
///
/// Short and long prompts have one slope and a level each, so that it is no trend when users begin to ask more of what is
/// answered worse. A slice weighs as much as it has answers. When slices vary more than chance alone would make them, the
/// slope's error grows with it.
public struct QualityForecast: Sendable, Hashable {
    /// The good answers among those that were given in a slice of time.
    struct Point: Sendable, Hashable {
        /// Days since the middle of the slice, negated.
        var day: Double
        var good: Double
        var given: Double

        var share: Double { good / given }
    }

    /// The answers without which a slice is not looked at.
    static let fewest = 20.0
    /// How many slices must be left when those are taken away that a line and its levels use up.
    private static let freedom = 4
    /// The days that must lie between the first slice and the last.
    private static let shortest = 3.0
    /// The change in a week that matters.
    private static let smallest = 0.01

    /// The share of good answers now: the line's, if there is a trend, else that of the week. Range: 0 to 1.
    public let now: Double
    /// By how much the share changes in a day, as the line has it, be that chance or not.
    public let changePerDay: Double
    /// The standard error of ``changePerDay``.
    public let error: Double
    /// The share in 24 hours: ``now`` and the change of a day, if there is a trend. Range: 0 to 1.
    public let inADay: Double
    /// Whether the change is both certain (99 of 100) and large enough to matter: a point in a week.
    public let trend: Trend

    /// Looks at the last 7 days; nil without enough answers, which is 6 slices of 14 hours with 20 answers each, over at
    /// least 3 days.
    ///
    /// - Parameter flaw: The class of failures that are answers, but not good ones.
    public init?(_ tracker: PerformanceTracker, flaw: Int, at seconds: Double) {
        guard let week = TrackingWindow.allCases.firstIndex(of: .week) else { return nil }
        let tracks = [tracker.short[week], tracker.long[week]]
        self.init(tracks.map { Self.points($0.slices, flaw: flaw, at: seconds) })
    }

    /// - Parameter classes: The points of each class of requests.
    init?(_ classes: [[Point]]) {
        let classes = classes.map { $0.filter { $0.given >= Self.fewest } }.filter { !$0.isEmpty }
        let days = classes.joined().map(\.day)
        guard let first = days.min(), let last = days.max(), last - first >= Self.shortest,
            days.count >= Self.freedom + 1 + classes.count
        else { return nil }
        let levels = classes.map(Level.init), weight = levels.reduce(0) { $0 + $1.spread }
        guard weight > 0 else { return nil }
        let slope = levels.reduce(0) { $0 + $1.rise } / weight
        let freedom = Double(days.count - 1 - classes.count)
        let excess = max(
            1, zip(levels, classes).reduce(0) { $0 + $1.0.misfit($1.1, slope: slope) } / freedom)
        changePerDay = slope
        error = (excess / weight).squareRoot()
        let needed = Self.certain(excess > 1 ? freedom : .infinity)
        let isCertain = abs(slope) > needed * error && abs(slope) * 7 >= Self.smallest
        trend = isCertain ? (slope > 0 ? .improving : .declining) : .stable
        let given = levels.reduce(0) { $0 + $1.given }
        let now = levels.reduce(0) {
            $0 + $1.given / given * ($1.share - (isCertain ? slope * $1.day : 0))
        }
        self.now = min(1, max(0, now))
        inADay = min(1, max(0, self.now + (isCertain ? slope : 0)))
    }

    private static func points(_ slices: SliceRing<TrackedSlice>, flaw: Int, at seconds: Double) -> [Point] {
        let number = slices.number(at: seconds)
        return slices.slices(at: seconds).map { age, slice in
            let begin = Double(number - age) * slices.span, end = min(seconds, begin + slices.span)
            let good = Double(slice.successes), place = min(15, max(0, flaw))
            return Point(
                day: ((begin + end) / 2 - seconds) / 86_400, good: good,
                given: good + Double(slice.failures[place]))
        }
    }

    /// The standard errors that a slope must have to be certain with 99 of 100: the normal distribution where chance alone
    /// explains how slices vary, and where that is estimated Student's, for so many degrees of freedom (after E. A. Cornish
    /// and R. A. Fisher: "Moments and cumulants in the specification of distributions", 1938, the first two terms).
    private static func certain(_ freedom: Double) -> Double {
        let z = 2.5758, cube = z * z * z
        let second = (5 * cube * z * z + 16 * cube + 3 * z) / (96 * freedom * freedom)
        return z + (cube + z) / (4 * freedom) + second
    }
}

/// The middle of a class's points, and what they say of the slope.
private struct Level {
    let day: Double
    let share: Double
    let given: Double
    /// How much weight lies how far from the middle.
    let spread: Double
    let rise: Double
    /// The variance of one answer, with half an answer of each kind added, so that it is never 0.
    private let variance: Double

    init(_ points: [QualityForecast.Point]) {
        let given = points.reduce(0) { $0 + $1.given }, good = points.reduce(0) { $0 + $1.good }
        let day = points.reduce(0) { $0 + $1.given * $1.day } / given, share = good / given
        let likely = (good + 0.5) / (given + 1), variance = likely * (1 - likely)
        (self.day, self.share, self.given, self.variance) = (day, share, given, variance)
        spread = points.reduce(0) { $0 + $1.given / variance * ($1.day - day) * ($1.day - day) }
        rise = points.reduce(0) { $0 + $1.given / variance * ($1.day - day) * ($1.share - share) }
    }

    /// How far the points are from a line with that slope, in squared standard errors.
    func misfit(_ points: [QualityForecast.Point], slope: Double) -> Double {
        points.reduce(0) {
            let off = $1.share - share - slope * ($1.day - day)
            return $0 + $1.given / variance * off * off
        }
    }
}
