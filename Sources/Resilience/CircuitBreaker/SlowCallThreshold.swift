extension CircuitBreakerPolicy {
    /// A duration above which calls are slow that follows what is normal for the other side.
    ///
    /// A call is slow when it takes several times as long as nearly all calls normally do. What is normal is learned from
    /// the successes of a closed breaker, since a failure may come at once or only after a time limit. While it learns for
    /// the first time ``CircuitBreakerPolicy/slowCallDuration`` applies or, without one, ``maximum``.
    public struct AdaptiveSlowCall: Sendable, Hashable {
        /// The shortest duration to call slow. Range: above 0 to ``maximum``. Default: 100 ms.
        public var minimum = Duration.milliseconds(100)
        /// The longest duration not to call slow. Range: above 0 to 1080 s. Default: 60 s.
        public var maximum = Duration.seconds(60)
        /// The share of calls whose time is normal. Range: 0.5 to 0.999. Default: 0.95.
        public var share = 0.95
        /// How many times the normal time is slow. Range: 1 or more. Default: 3.
        public var multiple = 3.0
        /// After how long what was seen counts half. Range: 1 ms or more. Default: 1 h.
        public var halfLife = Duration.seconds(3600)
        /// The most that the normal time may change by within a minute, as a factor. Range: above 1. Default: 1.5.
        public var changePerMinute = 1.5
        /// The calls to learn from before it applies. Range: 1 or more. Default: 100.
        public var warmUp = 100

        /// Creates the default.
        public init() {}
    }
}

/// The normal time of calls, and the time above which they are slow. A decision: no clock, lock or task.
struct SlowCallThreshold: Sendable, Hashable {
    /// What was learned, free of any clock.
    struct Learned: Sendable, Hashable, Codable {
        var seen: Int
        var normal: Duration?
        var weights: [Float]
    }

    private var policy: CircuitBreakerPolicy.AdaptiveSlowCall
    /// What applies while too little is known.
    private var fixed: Duration?
    private var history = LatencyHistogram()
    private var slice = LatencyHistogram()
    private var sliceBegin: Instant
    /// The calls that history was made from, up to a number that is enough for any warm-up.
    private var seen = 0
    /// The normal time that is judged by, which follows what was seen no faster than it may; nil during the warm-up.
    private(set) var normal: Duration?
    /// Calls that take longer are slow.
    private(set) var limit: Duration

    /// - Parameter fixed: What applies during the warm-up.
    init(_ policy: CircuitBreakerPolicy.AdaptiveSlowCall, fixed: Duration?, at now: Instant) {
        self.policy = policy
        self.fixed = fixed
        sliceBegin = now
        limit = fixed ?? policy.maximum
    }

    /// Goes on learning by another policy.
    mutating func reconfigure(_ policy: CircuitBreakerPolicy.AdaptiveSlowCall, fixed: Duration?) {
        self.policy = policy
        self.fixed = fixed
        setLimit()
    }

    /// Notes how long a success of a closed breaker took.
    mutating func note(_ took: Duration, at now: Instant) {
        if now.since(sliceBegin) >= HoldDown.slice { closeSlice(at: now) }
        slice.add(took)
    }

    /// Forgets the calls that are not history yet: those that led to an opening are not normal.
    mutating func dropSlice(at now: Instant) {
        slice.clear()
        sliceBegin = now
    }

    private mutating func closeSlice(at now: Instant) {
        let elapsed = now.since(sliceBegin)
        seen = min(seen + Int(slice.total), 1_000_000_000)
        history.absorb(slice, keeping: HoldDown.kept(after: elapsed, halfLife: policy.halfLife))
        dropSlice(at: now)
        guard seen >= policy.warmUp, let time = history.quantile(policy.share) else { return }
        guard let known = normal else {
            normal = time
            return setLimit()
        }
        let held = HoldDown(changePerMinute: policy.changePerMinute).step(
            from: known / .seconds(1), to: time / .seconds(1), after: elapsed)
        normal = .seconds(held)
        setLimit()
    }

    private mutating func setLimit() {
        guard let normal else { return limit = fixed ?? policy.maximum }
        limit = min(max(normal.saturating(times: policy.multiple), policy.minimum), policy.maximum)
    }

    // MARK: Memory

    /// What there is to remember.
    var learned: Learned { Learned(seen: seen, normal: normal, weights: history.weights) }

    /// Takes over what another has learned; what is impossible in it is left out.
    mutating func takeOver(_ learned: Learned, at now: Instant) {
        dropSlice(at: now)
        history = LatencyHistogram(weights: learned.weights)
        seen = min(max(0, learned.seen), 1_000_000_000)
        normal = learned.normal.flatMap { $0 > .zero && $0 < .seconds(86_400) ? $0 : nil }
        setLimit()
    }
}
