/// What an answer is worth, and what its faults cost: the weights of the index by which adaptive routes order their
/// targets. All are in the worth of one success.
public struct AdaptiveWeights: Sendable, Hashable {
    /// For each point of quality above ``referenceQuality``. Default: 0.15.
    public var quality = 0.15
    /// For each second of latency. Default: 0.05.
    public var latency = 0.05
    /// For each dollar. Default: 30.
    public var cost = 30.0
    /// For each attempt that fails, beside the time it takes. Default: 0.25.
    public var failure = 0.25
    /// For the last token of a provider's rate limit. Default: 0.35.
    public var headroom = 0.35
    /// The quality that is worth nothing extra. Range: 0 to 10. Default: 8.5.
    public var referenceQuality = 8.5
    /// Targets of lower quality are only asked when no other can be. Range: 0 to 10. Default: 0.
    public var minimumQuality = 0.0
    /// Targets that are expected to cost more dollars are not asked. Range: 0 or more. Default: infinite.
    public var maximumCost = Double.infinity
    /// Whether a target may be asked first only to learn how it is. Default: true.
    public var explores = true

    /// Creates the balanced weights.
    public init() {}
}
