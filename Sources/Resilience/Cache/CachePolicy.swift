/// How long a cache keeps what it loaded, how much of it, and how it loads.
///
/// By age an entry is fresh, then stale-while-revalidate, then stale-if-error, then gone; each bound belongs to the
/// later state. Both stale windows begin where freshness ends (RFC 5861), so the longer one decides when it is gone.
public struct CachePolicy: Sendable, Hashable {
    /// The most that all entries may weigh together; without a weigher each entry weighs 1. An entry so heavy that more
    /// than 1,024 others would have to go for it at once is not kept, but gets room over several calls. Range: 1 or more.
    /// Default: 10,000.
    public var capacity: Int = 10_000
    /// How long an entry is served without a thought. Range: above 0. Default: 60 s.
    public var freshFor: Duration = .seconds(60)
    /// How much longer it is served at once while a load in the background replaces it. Range: 0 or more. Default: 0.
    public var staleWhileRevalidate: Duration = .zero
    /// How much longer than fresh it is served when loading fails. Range: 0 or more. Default: 0.
    public var staleIfError: Duration = .zero
    /// The share by which each entry's time is varied at random in both directions, so that entries which were loaded
    /// together are not all loaded together again. Range: 0 to 1. Default: 0.1.
    public var jitter: Double = 0.1
    /// How long after a failed load an old value is served without another attempt. Range: 0 or more. Default: 1 s.
    public var pauseAfterFailure: Duration = .seconds(1)
    /// How long an error that the cache was told to remember is thrown again without a load. Such errors are never
    /// served stale, and never take the place of a value that may still be served. Range: 0 or more. Default: 5 s.
    public var errorsFor: Duration = .seconds(5)
    /// The loads that may be in flight at a time. A caller above it loads for itself alone, and its value is not
    /// kept; a refresh in the background is put off. Range: 0 or more. Default: 1024.
    public var maximumLoads: Int = 1024
    /// How long the second tier may take for one operation; a slower one counts as failed. Range: above 0. Default: 250 ms.
    public var tierTimeout: Duration = .milliseconds(250)

    /// Creates the default policy.
    public init() {}

    /// Creates a policy with the settings that most callers choose.
    public init(
        capacity: Int = 10_000, freshFor: Duration = .seconds(60), staleWhileRevalidate: Duration = .zero,
        staleIfError: Duration = .zero
    ) {
        self.capacity = capacity
        self.freshFor = freshFor
        self.staleWhileRevalidate = staleWhileRevalidate
        self.staleIfError = staleIfError
    }

    /// How much longer than fresh an entry may be served at all.
    var staleFor: Duration { max(.zero, max(staleWhileRevalidate, staleIfError)) }

    /// The freshness of one entry, with jitter.
    ///
    /// - Parameter random: A number in 0 ..< 1.
    func freshness(_ duration: Duration, random: Double) -> Duration {
        jitter > 0 ? duration.saturating(times: 1 + min(jitter, 1) * (2 * random - 1)) : duration
    }
}
