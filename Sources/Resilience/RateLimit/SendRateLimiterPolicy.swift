/// How a ``SendRateLimiter`` follows what the other side bears.
///
/// A value out of its range counts as the nearest one within it.
public struct SendRateLimiterPolicy: Sendable, Hashable {
    /// What a refusal leaves of the rate. Range: 0 to 1. Default: 0.7.
    public var beta = 0.7
    /// How quickly the rate comes back. Range: above 0 to 1,000,000. Default: 0.4.
    public var scale = 0.4
    /// The lowest rate, in calls per second, so that recovery is noticed. Range: 0.001 to 1,000,000,000.
    /// Default: 0.5.
    public var minimumRate = 0.5
    /// How long a call waits for its turn at most. Range: 0 or more. Default: 5 s.
    public var maximumWait = Duration.seconds(5)

    /// Creates the default policy.
    public init() {}

    var withinRange: SendRateLimiterPolicy {
        var policy = self
        policy.beta = beta.isNaN ? 0.7 : min(max(beta, 0), 1)
        policy.scale = scale > 0 ? min(scale, 1e6) : 0.4
        policy.minimumRate = minimumRate > 0.001 ? min(minimumRate, 1e9) : 0.001
        policy.maximumWait = min(max(.zero, maximumWait), .unbounded)
        return policy
    }
}
