extension CircuitBreakerPolicy {
    /// A failure rate to open at that follows what is normal for the other side.
    ///
    /// A provider of whose calls one in twelve always fails is not opened by two failures of twenty, one that hardly ever
    /// fails is. The normal rate is learned while the breaker is closed. It opens at the normal rate and so many standard
    /// deviations more, for the number of calls that are judged: `p + z * sqrt(p * (1 - p) / n)`, as one-sided control
    /// charts do for shares of defects (Shewhart's p chart).
    public struct AdaptiveRate: Sendable, Hashable {
        /// The lowest rate to open at. Range: above 0 to ``maximum``. Default: 0.15.
        public var minimum = 0.15
        /// The highest rate to open at. Range: above 0 to 1. Default: 0.8.
        public var maximum = 0.8
        /// How many standard deviations above normal are too many. Range: 0 or more. Default: 3.
        public var deviations = 3.0
        /// After how long what was seen counts half. Range: 1 ms or more. Default: 1 h.
        public var halfLife = Duration.seconds(3600)
        /// The highest rate that can become normal: a long bad time must not. Range: 0 to 1. Default: 0.3.
        public var highestNormal = 0.3
        /// The most that the normal rate may change by within a minute, as a factor. Range: above 1. Default: 1.5.
        public var changePerMinute = 1.5

        /// Creates the default.
        public init() {}
    }
}

/// The normal failure rate, and the rate to open at. A decision: no clock, lock or task.
struct AdaptiveThreshold: Sendable, Hashable {
    /// What was learned, free of any clock.
    struct Learned: Sendable, Hashable, Codable {
        var calls: Double
        var failures: Double
        var normal: Double
    }

    /// The calls that a breaker which knows nothing is taken to have seen, so that the first few decide little.
    private static let priorCalls = 20.0
    private static let priorRate = 0.02

    /// By which it goes on learning; what was learned stays when it is replaced.
    var policy: CircuitBreakerPolicy.AdaptiveRate
    private var calls = priorCalls, failures = priorCalls * priorRate
    private var sliceCalls = 0, sliceFailures = 0
    private var sliceBegin: Instant
    /// The normal rate that is judged by, which follows what was seen no faster than it may.
    private(set) var normal = priorRate

    init(_ policy: CircuitBreakerPolicy.AdaptiveRate, at now: Instant) {
        self.policy = policy
        sliceBegin = now
    }

    /// Notes a result of a closed breaker.
    mutating func note(failed: Bool, at now: Instant) {
        if now.since(sliceBegin) >= HoldDown.slice { closeSlice(at: now) }
        sliceCalls &+= 1
        if failed { sliceFailures &+= 1 }
    }

    /// Forgets the results that are not history yet: those that led to an opening are not normal.
    mutating func dropSlice(at now: Instant) {
        (sliceCalls, sliceFailures, sliceBegin) = (0, 0, now)
    }

    /// The rate to open at when so many calls are judged.
    func rate(for calls: Int) -> Double {
        let spread = (normal * (1 - normal) / Double(max(1, calls))).squareRoot()
        return min(max(normal + policy.deviations * spread, policy.minimum), policy.maximum)
    }

    private mutating func closeSlice(at now: Instant) {
        let elapsed = now.since(sliceBegin)
        let kept = HoldDown.kept(after: elapsed, halfLife: policy.halfLife)
        calls = calls * kept + Double(sliceCalls)
        failures = failures * kept + Double(sliceFailures)
        let seen = min(failures / max(calls, 1), policy.highestNormal)
        normal = HoldDown(changePerMinute: policy.changePerMinute).step(
            from: max(normal, 0.001), to: seen, after: elapsed)
        dropSlice(at: now)
    }

    // MARK: Memory

    /// What there is to remember.
    var learned: Learned { Learned(calls: calls, failures: failures, normal: normal) }

    /// Takes over what another has learned; what is impossible in it is left out.
    mutating func takeOver(_ learned: Learned, at now: Instant) {
        dropSlice(at: now)
        guard learned.calls >= 0, learned.calls < 1e15, (0...1).contains(learned.normal) else { return }
        guard learned.failures >= 0, learned.failures <= learned.calls else { return }
        (calls, failures) = (learned.calls, learned.failures)
        normal = min(learned.normal, max(0, policy.highestNormal))
    }
}
