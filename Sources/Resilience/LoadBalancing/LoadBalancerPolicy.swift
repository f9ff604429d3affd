/// How targets are compared, and when one is left out.
public struct LoadBalancerPolicy: Sendable, Hashable {
    /// The latency that is expected of a target that has not answered yet. Range: 0 or more. Default: 1 s.
    public var unknownLatency: Duration
    /// The time in which what is known of a target's latency falls to 37 %. Range: 1 ns or more. Default: 10 s.
    public var decay: Duration
    /// A failure counts as an answer that took at least so long; else a target that fails quickly would look like the
    /// best of all and draw every call. Range: 0 or more. Default: 5 s.
    public var failurePenalty: Duration
    /// When a target is left out; nil for never. Default: Envoy's rules.
    public var outliers: OutlierEjectionPolicy?

    /// Creates a policy.
    public init(
        unknownLatency: Duration = .seconds(1), decay: Duration = .seconds(10),
        failurePenalty: Duration = .seconds(5), outliers: OutlierEjectionPolicy? = OutlierEjectionPolicy()
    ) {
        self.unknownLatency = unknownLatency
        self.decay = decay
        self.failurePenalty = failurePenalty
        self.outliers = outliers
    }
}

extension Rejection.Reason {
    /// There is no target to send the call to.
    public static var noTarget: Self { Self(rawValue: "no_target") }
}
