/// How a target has done in the last hour, 6 hours, day, week and month: success, times, tokens, cost and what users say,
/// apart for short and long prompts. A decision: no clock, lock or task. Times are seconds on one clock.
///
/// Each window is a ring of twelve slices, and of finer marks for the uptime. Its memory is bounded: at most 175 kB for a
/// target, and about 65 kB for one whose times are spread like those of most. Noting an outcome costs the same however much
/// was noted before; a report reads all slices of its window.
public struct PerformanceTracker: Sendable, Hashable {
    /// How a request ended.
    public struct Outcome: Sendable, Hashable {
        /// The class of its failure, as the caller numbers them; nil if it succeeded. Range: 0 to 15, what is outside
        /// counts as the nearer end.
        public var failure: Int?
        /// Seconds until its first token; nil if there was none.
        public var firstToken: Double?
        /// Seconds until its end; nil if that says nothing, such as of a failure. Only successes should have one.
        public var total: Double?
        /// The tokens of its prompt.
        public var inputTokens: Int
        /// The tokens of its answer.
        public var outputTokens: Int
        /// In dollars.
        public var cost: Double

        /// Creates an outcome.
        public init(
            failure: Int? = nil, firstToken: Double? = nil, total: Double? = nil, inputTokens: Int = 0,
            outputTokens: Int = 0, cost: Double = 0
        ) {
            self.failure = failure
            self.firstToken = firstToken
            self.total = total
            self.inputTokens = inputTokens
            self.outputTokens = outputTokens
            self.cost = cost
        }
    }

    /// What is kept of the requests of one class in one window.
    struct Track: Sendable, Hashable, Codable {
        var slices: SliceRing<TrackedSlice>
        var marks: SliceRing<UptimeMark>

        init(_ window: TrackingWindow) {
            slices = SliceRing(window: window, count: TrackingWindow.slices)
            marks = SliceRing(window: window, count: window.marks)
        }

        mutating func note(
            _ outcome: Outcome, buckets: (firstToken: Int?, total: Int?), at seconds: Double
        ) {
            slices.change(at: seconds, empty: TrackedSlice()) { $0.note(outcome, buckets: buckets) }
            marks.change(at: seconds, empty: UptimeMark()) { $0.note(outcome.failure == nil) }
        }

        mutating func note(_ score: Double, at seconds: Double) {
            slices.change(at: seconds, empty: TrackedSlice()) { slice in
                guard slice.scores < .max else { return }
                slice.scores += 1
                slice.scoreSum += min(10, max(0, score))
            }
        }
    }

    /// How many classes of failures are told apart.
    public static let failureClasses = 16

    /// By window, in the order of the cases.
    var short = TrackingWindow.allCases.map(Track.init)
    var long = TrackingWindow.allCases.map(Track.init)

    /// Creates a tracker that has seen nothing.
    public init() {}

    /// Notes how a request ended.
    ///
    /// - Parameters:
    ///   - outcome: Leave out what says nothing of the target, such as requests that are wrong.
    ///   - isLong: Whether its prompt is a long one.
    ///   - seconds: The moment.
    public mutating func note(_ outcome: Outcome, isLong: Bool, at seconds: Double) {
        // A logarithm is dear, and it is the same for all windows.
        let buckets = (
            outcome.firstToken.flatMap(LatencySketch.bucket), outcome.total.flatMap(LatencySketch.bucket)
        )
        for index in short.indices {
            if isLong {
                long[index].note(outcome, buckets: buckets, at: seconds)
            } else {
                short[index].note(outcome, buckets: buckets, at: seconds)
            }
        }
    }

    /// Notes what a user says of an answer. It counts at the moment of the saying, since the answer may be long past.
    ///
    /// - Parameters:
    ///   - score: Range: 0 to 10, what is outside counts as the nearer end; what is not a number is not noted.
    ///   - isLong: Whether the request's prompt was a long one.
    ///   - seconds: The moment.
    public mutating func note(score: Double, isLong: Bool, at seconds: Double) {
        guard score == score else { return }
        for index in TrackingWindow.allCases.indices {
            if isLong { long[index].note(score, at: seconds) } else { short[index].note(score, at: seconds) }
        }
    }

    /// What happened in a window.
    public func report(_ window: TrackingWindow, at seconds: Double) -> PerformanceReport {
        let index = TrackingWindow.allCases.firstIndex(of: window) ?? 0
        return PerformanceReport(window: window, short: short[index], long: long[index], at: seconds)
    }

    /// About how many bytes it takes.
    public var bytes: Int {
        (short + long).reduce(MemoryLayout<Track>.stride * (short.count + long.count)) { sum, track in
            sum + track.slices.bytes + track.marks.bytes
                + track.slices.places.reduce(0) { $0 + $1.slice.firstToken.bytes + $1.slice.total.bytes }
        }
    }
}
