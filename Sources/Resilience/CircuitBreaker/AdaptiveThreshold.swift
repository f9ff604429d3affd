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
        /// The highest rate to open at. Range: to 1. Default: 0.8.
        public var maximum = 0.8
        /// How many standard deviations above normal are too many. Default: 3.
        public var deviations = 3.0
        /// After how long what was seen counts half. Default: 1 h.
        public var halfLife = Duration.seconds(3600)
        /// The highest rate that can become normal: a long bad time must not. Default: 0.3.
        public var highestNormal = 0.3
        /// The most that the normal rate may change by within a minute, as a factor. Range: above 1. Default: 1.5.
        public var changePerMinute = 1.5

        /// Creates the default.
        public init() {}
    }
}

/// The normal failure rate, and the rate to open at. A decision: no clock, lock or task.
struct AdaptiveThreshold: Sendable, Hashable {
    /// The calls that a breaker which knows nothing is taken to have seen, so that the first few decide little.
    private static let priorCalls = 20.0
    private static let priorRate = 0.02
    /// Results are gathered for so long before they become history.
    private static let slice = Duration.seconds(10)

    private let policy: CircuitBreakerPolicy.AdaptiveRate
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
        if now.since(sliceBegin) >= Self.slice { closeSlice(at: now) }
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
        let elapsed = now.since(sliceBegin), halfLives = elapsed / max(policy.halfLife, .milliseconds(1))
        let kept = Self.half(toThe: halfLives)
        calls = calls * kept + Double(sliceCalls)
        failures = failures * kept + Double(sliceFailures)
        let seen = min(failures / max(calls, 1), policy.highestNormal)
        // An idle time is no licence to jump: what is new is a minute's worth at most.
        let minutes = min(elapsed / .seconds(60), 1)
        let factor = 1 + (max(policy.changePerMinute, 1) - 1) * minutes
        let floor = max(normal, 0.001)
        normal = min(max(seen, floor / factor), floor * factor)
        dropSlice(at: now)
    }

    /// 2 to the minus `exponent`, by squaring the whole part and a polynomial for the rest (within 0.1 %).
    private static func half(toThe exponent: Double) -> Double {
        guard exponent < 1000 else { return 0 }
        let whole = exponent.rounded(.down), rest = exponent - whole
        let part = 1 - rest * (0.6931 - rest * (0.2402 - rest * 0.0529))
        return 0.5.power(Int(whole)) * part
    }
}
