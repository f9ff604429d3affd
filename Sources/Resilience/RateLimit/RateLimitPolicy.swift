/// How many permits may be taken in how long a time.
///
/// A value out of its range counts as the nearest one within it.
public struct RateLimitPolicy: Sendable, Hashable {
    /// How permits come back.
    @nonexhaustive
    public enum Algorithm: Sendable, Hashable {
        /// A bucket that is refilled continuously: bursts up to the capacity, the rate on average.
        case tokenBucket
        /// At most ``RateLimitPolicy/permits`` in every window of ``RateLimitPolicy/period``, wherever it begins.
        ///
        /// Up to 1024 permits are remembered one by one and the limit is exact. Above, permits within one 64th of the
        /// period are remembered together and come back with the last of them: never more than the limit passes, and
        /// a permit may come back up to one 64th of the period late.
        case slidingWindow
        /// All permits come back at the beginning of each period, the first of which begins with the limiter; what a
        /// period did not use is lost. Two full periods may meet at a boundary. (resilience4j's AtomicRateLimiter;
        /// failsafe-go's bursty limiter, and its smooth one with a single permit.)
        case cycles
    }

    /// The permits of one period. Range: 1 to 2^30. Default: 100.
    public var permits: Int
    /// The period. Range: 1 ns to 2^53 ns (104 days). Default: 1 s.
    public var period: Duration
    /// How permits come back. Default: ``Algorithm/tokenBucket``.
    public var algorithm: Algorithm
    /// The permits that a token bucket holds when it is full; nil for as many as one period brings. The others do
    /// not use it. Range: 1 to 2^30. Default: nil.
    public var capacity: Int?
    /// The permits that are there at the beginning; nil for all. Range: 0 or more. Default: nil.
    public var initial: Int?
    /// How long ``RateLimiter/wait(permits:upTo:)`` waits when it is not told. Range: 0 or more. Default: 5 s.
    public var maximumWait: Duration
    /// The calls that may wait at a time. Range: 0 or more. Default: 1000.
    public var maximumWaiters: Int

    /// Creates a policy.
    public init(
        permits: Int = 100, per period: Duration = .seconds(1), algorithm: Algorithm = .tokenBucket,
        capacity: Int? = nil, initial: Int? = nil, maximumWait: Duration = .seconds(5),
        maximumWaiters: Int = 1000
    ) {
        self.permits = permits
        self.period = period
        self.algorithm = algorithm
        self.capacity = capacity
        self.initial = initial
        self.maximumWait = maximumWait
        self.maximumWaiters = maximumWaiters
    }
}
