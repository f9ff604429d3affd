/// How a limit of concurrent calls follows the latency that they see.
///
/// A value out of its range counts as the nearest one within it.
public struct ConcurrencyLimitPolicy: Sendable, Hashable {
    /// How the limit is found.
    @nonexhaustive
    public enum Algorithm: Sendable, Hashable {
        /// One more for each success near the limit, a share less for each drop.
        case aimd(AIMD = AIMD())
        /// Keeps the queue that it infers from the latency within bounds.
        case vegas(Vegas = Vegas())
        /// Follows the ratio of the latency now to what it usually is.
        case gradient(Gradient = Gradient())
    }

    /// Additive increase, multiplicative decrease. (Netflix concurrency-limits, AIMDLimit.)
    public struct AIMD: Sendable, Hashable {
        /// What a drop leaves of the limit. Range: above 0 to below 1. Default: 0.9.
        public var backoff: Double
        /// A success that took longer counts as a drop. Range: above 0. Default: 5 s.
        public var timeout: Duration

        /// Creates settings.
        public init(backoff: Double = 0.9, timeout: Duration = .seconds(5)) {
            self.backoff = backoff
            self.timeout = timeout
        }
    }

    /// A number of calls, given the limit.
    @nonexhaustive
    public enum Amount: Sendable, Hashable {
        /// That many, whatever the limit. Range: 0 or more.
        case fixed(Double)
        /// That many times the whole part of the limit's decimal logarithm, which counts as 1 at least.
        /// Range: 0 or more.
        case logarithmic(Double)
        /// That part of the limit. Range: 0 to 1.
        case share(Double)
    }

    /// A queue of inferred length. (Netflix concurrency-limits, VegasLimit, after TCP Vegas.)
    ///
    /// What we do differently: at a probe the limit is halved for a few calls, and only they say what the latency is
    /// without a queue. The original takes the next sample for it, however loaded, so it drifts up (its issue 165).
    public struct Vegas: Sendable, Hashable {
        /// The queue below which the limit grows by one step. Default: 3 log10.
        public var alpha: Amount
        /// The queue above which it shrinks; also the large step by which it grows with hardly any queue.
        /// Default: 6 log10.
        public var beta: Amount
        /// The queue up to which there is hardly any. Default: log10.
        public var threshold: Amount
        /// What is taken off. Default: log10.
        public var decrease: Amount
        /// The share of each change that takes effect. Range: above 0 to 1. Default: 1.
        public var smoothing: Double
        /// A probe follows after this many times the limit in samples (half of it at the earliest); nil for none.
        /// Range: 1 or more. Default: 30.
        public var probe: Int?

        /// Creates settings.
        public init(
            alpha: Amount = .logarithmic(3), beta: Amount = .logarithmic(6),
            threshold: Amount = .logarithmic(1), decrease: Amount = .logarithmic(1), smoothing: Double = 1,
            probe: Int? = 30
        ) {
            self.alpha = alpha
            self.beta = beta
            self.threshold = threshold
            self.decrease = decrease
            self.smoothing = smoothing
            self.probe = probe
        }
    }

    /// A ratio of latencies. (Netflix concurrency-limits, Gradient2Limit.)
    ///
    /// What we do differently, so that a mild overload does not make the limit climb for ever (its pull request 134):
    /// it may grow only while latency is within the tolerance; the usual latency stays near what was measured with room
    /// to spare, at a probe or when few calls ran; and a drop shrinks the limit, which the original ignores.
    public struct Gradient: Sendable, Hashable {
        /// How many times the usual latency is still good. Range: 1 or more. Default: 1.5.
        public var tolerance: Double
        /// The share of each change that takes effect. Range: above 0 to 1. Default: 0.2.
        public var smoothing: Double
        /// The samples over which the usual latency is averaged. Range: 1 or more. Default: 600.
        public var window: Int
        /// The calls that may queue: by this many the limit wants to grow. Range: 0 or more. Default: 4.
        public var queue: Double
        /// A probe follows after this many samples (half of it at the earliest): the limit is halved for 20 calls, to
        /// see the latency without a queue of one's own. Nil for none. Range: 1 or more.
        /// Default: 1000.
        public var probe: Int?

        /// Creates settings.
        public init(
            tolerance: Double = 1.5, smoothing: Double = 0.2, window: Int = 600, queue: Double = 4,
            probe: Int? = 1000
        ) {
            self.tolerance = tolerance
            self.smoothing = smoothing
            self.window = window
            self.queue = queue
            self.probe = probe
        }
    }

    /// How the limit is found. Default: gradient.
    public var algorithm: Algorithm
    /// The limit at the beginning. Range: ``minimum`` to ``maximum``. Default: 20.
    public var initial: Int
    /// The limit never goes below. Range: 1 to 2^30. Default: 1.
    public var minimum: Int
    /// The limit never goes above. Range: ``minimum`` to 2^30. Default: 200.
    public var maximum: Int

    /// Creates a policy.
    public init(
        _ algorithm: Algorithm = .gradient(), initial: Int = 20, minimum: Int = 1, maximum: Int = 200
    ) {
        self.algorithm = algorithm
        self.initial = initial
        self.minimum = minimum
        self.maximum = maximum
    }
}

extension ConcurrencyLimitPolicy.Amount {
    /// The number for a limit.
    func callAsFunction(_ limit: Double) -> Double {
        switch self {
        case .fixed(let number): number
        case .share(let share): share * limit
        case .logarithmic(let factor):
            factor * Self.logarithm(limit)
        }
    }

    private static func logarithm(_ limit: Double) -> Double {
        var power = 100.0, digits = 1.0
        while power <= limit, digits < 16 { (power, digits) = (power * 10, digits + 1) }
        return digits
    }
}
