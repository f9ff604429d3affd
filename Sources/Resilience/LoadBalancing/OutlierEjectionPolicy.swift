/// When a target is left out for a while, and for how long.
///
/// The defaults are Envoy's, but for the jitter. A value out of its range counts as the nearest one within it.
public struct OutlierEjectionPolicy: Sendable, Hashable {
    /// So many failures in a row eject a target; nil for no such rule. Range: 1 or more. Default: 5.
    public var consecutiveFailures: Int?
    /// A target is ejected whose success rate in an interval is further than so many standard deviations below the
    /// mean of all; nil for no such rule. A single bad target among n is at most (n - 1) / sqrt(n) deviations away, so
    /// that 1.9 takes six targets. Range: above 0. Default: 1.9.
    public var deviations: Double?
    /// The calls in an interval that a target's success rate needs to count. Range: 1 or more. Default: 100.
    public var minimumCalls: Int
    /// The targets whose rates must count before any is judged by them. Range: 2 or more. Default: 5.
    public var minimumTargets: Int
    /// How often success rates are compared; also the time after which a healthy target is forgiven one ejection.
    /// Range: above 0. Default: 10 s.
    public var interval: Duration
    /// How long the first ejection lasts; the n-th lasts n times as long. Range: above 0. Default: 30 s.
    public var base: Duration
    /// The longest ejection, jitter aside. Range: ``base`` or more. Default: 300 s.
    public var maximum: Duration
    /// A random time up to this is added, so that targets do not come back together. Range: 0 or more. Default: 3 s.
    public var jitter: Duration
    /// The share of targets that may be ejected at a time; above 0 it is one target at least, but never the last one.
    /// Range: 0 to 1. Default: 0.1.
    public var maximumShare: Double

    /// Creates a policy.
    public init(
        consecutiveFailures: Int? = 5, deviations: Double? = 1.9, minimumCalls: Int = 100,
        minimumTargets: Int = 5, interval: Duration = .seconds(10), base: Duration = .seconds(30),
        maximum: Duration = .seconds(300), jitter: Duration = .seconds(3), maximumShare: Double = 0.1
    ) {
        self.consecutiveFailures = consecutiveFailures
        self.deviations = deviations
        self.minimumCalls = minimumCalls
        self.minimumTargets = minimumTargets
        self.interval = interval
        self.base = base
        self.maximum = maximum
        self.jitter = jitter
        self.maximumShare = maximumShare
    }
}
