/// When a circuit breaker opens, for how long, and how it tries whether it may close again.
///
/// A breaker opens as soon as one of its trip rules holds: ``failureRate``, ``slowCallRate``, ``failureCount`` or
/// ``consecutiveFailures``. Rules that are nil never trip. The rules are looked at after every result, successes
/// included, since a slow success can be the call that shows the trouble.
public struct CircuitBreakerPolicy: Sendable, Hashable {
    /// Which calls the rates are computed over.
    @nonexhaustive
    public enum Window: Sendable, Hashable {
        /// The last `count` calls, exactly. Range: 1 to 100,000.
        case calls(Int)
        /// The calls of the last `duration`, in `slices` that are dropped as a whole when they are one window old.
        /// Range: above 0, in 1 to 1000 slices.
        /// With `aligned`, slices begin at multiples of their length; otherwise at the first call that falls into them.
        case time(Duration, slices: Int = 10, aligned: Bool = false)
        /// All calls since the last reset, which comes every `duration` and at each change of state; never by time if nil.
        /// A result counts only within the interval in which its call began. With a `duration` each call takes the
        /// breaker's lock when it begins, as it does when it ends.
        /// Range: above 0.
        case interval(Duration?)
    }

    /// How long the breaker stays open.
    public struct OpenTime: Sendable, Hashable {
        /// The time of the first opening; 0 lets a probe through at once. Range: 0 or more. Default: 5 s.
        public var first: Duration = .seconds(5)
        /// What each further opening without a close multiplies the time by. Range: 1 or more. Default: 2.
        public var multiplier: Double = 2
        /// The longest time, before jitter; also the most that a server's Retry-After can raise it to. Range: ``first`` or
        /// more. Default: 300 s.
        public var maximum: Duration = .seconds(300)
        /// The share by which the time is varied at random in both directions. Range: 0 to 1. Default: 0.2.
        public var jitter: Double = 0.2
        /// Fixed times for the first, second, ... opening instead of growth; the last one repeats. Range: each
        /// 0 or more. Default: none.
        public var steps: [Duration] = []
        /// How long the breaker must stay closed to forget one opening; nil forgets all of them on closing.
        /// A slow decay keeps a flapping provider out for longer each time. Range: above 0. Default: 60 s.
        public var decay: Duration? = .seconds(60)

        /// Creates the default open time.
        public init() {}

        /// Creates an open time that grows from `first` by `multiplier`.
        public init(
            first: Duration, multiplier: Double = 2, maximum: Duration = .seconds(300), jitter: Double = 0.2,
            decay: Duration? = .seconds(60)
        ) {
            self.first = first
            self.multiplier = multiplier
            self.maximum = maximum
            self.jitter = jitter
            self.decay = decay
        }
    }

    /// How a half-open breaker decides.
    ///
    /// Each verdict admits a fixed number of probes in all; every other call is rejected until it is reached.
    @nonexhaustive
    public enum Verdict: Sendable, Hashable {
        /// Closes after that many successes in a row; one failure opens. Range: 1 or more.
        case consecutiveSuccesses(Int)
        /// Waits for the results of `calls` probes, then opens if the policy's failure or slow-call rate is reached.
        /// Range: 1 or more.
        case rate(calls: Int)
        /// Closes at `successes` of `calls` probes; opens as soon as that cannot be reached any more.
        /// Range: 1 to the number of probes.
        case successes(Int, of: Int)
        /// Closes after `calls` probes; opens as soon as more than the given share of `calls` has failed.
        /// Range: 0 to 1, of 1 call or more.
        case tolerance(Double, calls: Int)

        /// The number of probes the verdict needs.
        var probes: Int {
            switch self {
            case .consecutiveSuccesses(let count): max(1, count)
            case .rate(let calls), .successes(_, let calls), .tolerance(_, let calls): max(1, calls)
            }
        }
    }

    /// The calls that the rates are computed over. Default: the last 30 s in 10 slices.
    public var window: Window = .time(.seconds(30))
    /// The share of failed calls at which the breaker opens. Range: above 0 to 1; nil for never. Default: 0.5.
    public var failureRate: Double? = 0.5
    /// Opens at a failure rate that follows what is normal, in place of ``failureRate``. Default: nil.
    public var adaptiveRate: AdaptiveRate?
    /// After a verdict to close, the shares of calls that pass in turn, each for `rampStage`, before all do. A failure
    /// rate that is reached on the way opens again. Range: each above 0 to 1. Default: none.
    public var ramp: [Double] = []
    /// How long each stage of the ramp lasts. Range: 1 ms or more. Default: 1 s.
    public var rampStage: Duration = .seconds(1)
    /// The share of slow calls at which the breaker opens. Range: above 0 to 1; nil for never. Default: nil.
    public var slowCallRate: Double?
    /// A call that takes longer than this is slow, whether it succeeds or fails. Without it calls are not timed.
    /// Range: above 0. Default: nil.
    public var slowCallDuration: Duration?
    /// Calls a call slow by a duration that follows what is normal, in place of ``slowCallDuration``. Default: nil.
    public var adaptiveSlowCall: AdaptiveSlowCall?
    /// The number of calls in the window below which no rate is judged. Range: 1 or more. Default: 10.
    ///
    /// A window of fewer calls than this counts as large enough when it is full.
    public var minimumCalls: Int = 10
    /// The number of failures in the window at which the breaker opens, whatever the rate. Range: 1 or more.
    /// Default: nil.
    public var failureCount: Int?
    /// The number of failures in a row at which the breaker opens. Range: 1 or more. Default: nil.
    public var consecutiveFailures: Int?
    /// How long it stays open.
    public var open = OpenTime()
    /// How it decides when half-open. Default: one successful probe closes it.
    public var verdict: Verdict = .consecutiveSuccesses(1)
    /// How long a probe may be out before its place is given to another and its result no longer counts. The results
    /// of other probes stay. Range: above 0. Default: 60 s. Nil never takes a place back. Choose it longer than the slowest
    /// call.
    public var probeLease: Duration? = .seconds(60)
    /// How long a half-open breaker waits for the oldest probe that is out before it begins anew: all places are free,
    /// the results so far are forgotten and those of the probes that are out no longer count. It does not open for it,
    /// and no time without a probe counts. Range: above 0. Default: nil, for never. Nothing comes of it unless ``probeLease``
    /// is longer.
    public var maximumHalfOpen: Duration?
    /// Whether it only watches: it counts and reports what it would do, but lets every call through, unless it is
    /// isolated by hand. For trying settings on real traffic. Default: false.
    ///
    /// A call that would have been rejected passes and counts for nothing, so that the counts and changes of state are
    /// those that a breaker which rejects would have had.
    public var shadow = false

    /// Creates the default policy.
    public init() {}

    /// Creates a policy with the rules that most callers set.
    public init(
        window: Window = .time(.seconds(30)), failureRate: Double? = 0.5, minimumCalls: Int = 10,
        open: OpenTime = OpenTime()
    ) {
        self.window = window
        self.failureRate = failureRate
        self.minimumCalls = minimumCalls
        self.open = open
    }

    /// The number of calls at which rates are judged, given that a count window holds no more than its size.
    var judgedCalls: Int {
        if case .calls(let size) = window { return min(minimumCalls, size) }
        return minimumCalls
    }

    /// Whether how long a call takes matters.
    var timesCalls: Bool { slowCallDuration != nil || adaptiveSlowCall != nil }
}

extension CircuitBreakerPolicy.Window {
    /// Whether counting a result needs the real time.
    var dependsOnTime: Bool {
        switch self {
        case .calls: false
        case .time: true
        case .interval: isResetByTime
        }
    }

    /// Whether time alone ends what the calls that are out were admitted in.
    var isResetByTime: Bool {
        if case .interval(let every) = self { return every != nil }
        return false
    }
}
