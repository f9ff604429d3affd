/// What happened at a target in a window.
public struct PerformanceReport: Sendable, Hashable, Codable {
    /// Times in seconds that a half, nine of ten and 99 of 100 requests stay within; each off by at most 4.8 %.
    public struct Percentiles: Sendable, Hashable, Codable {
        /// A half stay within.
        public var p50: Double
        /// Nine of ten stay within.
        public var p90: Double
        /// 99 of 100 stay within.
        public var p99: Double

        /// Nil if nothing was noted.
        init?(_ sketch: LatencySketch) {
            guard let p50 = sketch.quantile(0.5), let p90 = sketch.quantile(0.9),
                let p99 = sketch.quantile(0.99)
            else { return nil }
            (self.p50, self.p90, self.p99) = (p50, p90, p99)
        }
    }

    /// The figures of some requests.
    public struct Figures: Sendable, Hashable, Codable {
        /// Requests that ended.
        public private(set) var requests: UInt64 = 0
        /// Those that succeeded.
        public private(set) var successes: UInt64 = 0
        /// Those that failed, by class of failure: 16 counts.
        public private(set) var failures = [UInt64](repeating: 0, count: PerformanceTracker.failureClasses)
        /// The time until the first token; nil if none was noted.
        public private(set) var firstToken: Percentiles?
        /// The time until the end; nil if none was noted.
        public private(set) var total: Percentiles?
        /// The tokens of prompts.
        public private(set) var inputTokens = 0.0
        /// The tokens of answers.
        public private(set) var outputTokens = 0.0
        /// In dollars.
        public private(set) var cost = 0.0
        /// What users said, on the average. Range: 0 to 10; nil if nobody said anything.
        public private(set) var satisfaction: Double?
        /// How many users said something.
        public private(set) var scores: UInt64 = 0
        /// The share of short spans with requests in which more than half of these succeeded. Range: 0 to 1; nil without
        /// requests. The spans are 1 minute, 5 minutes, 15 minutes, 2 hours and 6 hours long, by window.
        public private(set) var uptime: Double?
        /// Where it is going.
        public private(set) var trend: Trend

        /// The share of requests that succeeded; nil without requests.
        public var successRate: Double? { requests > 0 ? Double(successes) / Double(requests) : nil }
        /// The share of requests that failed; nil without requests.
        public var errorRate: Double? { successRate.map { 1 - $0 } }
        /// Successes for a dollar; nil if nothing was paid.
        public var successesPerDollar: Double? { cost > 0 ? Double(successes) / cost : nil }
        /// The share of successes of which one can be sure with 97.5 %: the lower end of an interval for proportions
        /// (E. B. Wilson: "Probable inference, the law of succession, and statistical inference", 1927). Range: 0 to 1, 0
        /// without requests.
        public var reliability: Double {
            guard requests > 0 else { return 0 }
            let count = Double(requests), share = Double(successes) / count, z = 1.96, square = z * z / count
            let middle = share + square / 2, spread = (share * (1 - share) + square / 4) / count
            return min(1, max(0, (middle - z * spread.squareRoot()) / (1 + square)))
        }

        init(slices: [TrackedSlice], marks: [UptimeMark], trend: Trend) {
            self.trend = trend
            var first = LatencySketch(), total = LatencySketch(), scoreSum = 0.0
            for slice in slices {
                successes += UInt64(slice.successes)
                for index in failures.indices { failures[index] += UInt64(slice.failures[index]) }
                first.merge(slice.firstToken)
                total.merge(slice.total)
                inputTokens += Double(slice.inputTokens)
                outputTokens += Double(slice.outputTokens)
                cost += slice.cost
                scores += UInt64(slice.scores)
                scoreSum += slice.scoreSum
            }
            requests = successes + failures.reduce(0, +)
            (firstToken, self.total) = (Percentiles(first), Percentiles(total))
            if scores > 0 { satisfaction = scoreSum / Double(scores) }
            let used = marks.filter { $0.requests > 0 }
            if !used.isEmpty { uptime = Double(used.count(where: \.isUp)) / Double(used.count) }
        }
    }

    /// How far back it looks.
    public let window: TrackingWindow
    /// Of all requests. The trend is one of both classes, not of how they are mixed.
    public let all: Figures
    /// Of requests with a short prompt.
    public let short: Figures
    /// Of requests with a long prompt.
    public let long: Figures

    init(
        window: TrackingWindow, short: PerformanceTracker.Track, long: PerformanceTracker.Track,
        at seconds: Double
    ) {
        let slices = (short.slices.slices(at: seconds), long.slices.slices(at: seconds))
        let marks = (short.marks.slices(at: seconds), long.marks.slices(at: seconds))
        let trends = (Self.trend(slices.0), Self.trend(slices.1))
        self.window = window
        self.short = Figures(slices: slices.0.map(\.slice), marks: marks.0.map(\.slice), trend: trends.0)
        self.long = Figures(slices: slices.1.map(\.slice), marks: marks.1.map(\.slice), trend: trends.1)
        var both = [UptimeMark](repeating: UptimeMark(), count: window.marks)
        for (age, mark) in marks.0 + marks.1 { both[age].add(mark) }
        all = Figures(
            slices: (slices.0 + slices.1).map(\.slice), marks: both, trend: Trend(trends.0, trends.1))
    }

    private static func trend(_ slices: [(age: Int, slice: TrackedSlice)]) -> Trend {
        var earlier = Trend.Half(), later = Trend.Half()
        for (age, slice) in slices {
            if age < TrackingWindow.slices / 2 { later.add(slice) } else { earlier.add(slice) }
        }
        return Trend(from: earlier, to: later)
    }
}
