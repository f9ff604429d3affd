/// Which calls a chaos strategy disturbs.
///
/// Source of the settings: Polly's chaos strategies (Simmy). What we do differently: they are off until switched on.
public struct ChaosPolicy: Sendable, Hashable {
    /// The share of calls that is disturbed: 0 is none, 1 is every one. Range: 0 to 1; others count as the nearest, and
    /// what is not a number as 0. Default: 0.001.
    public var rate: Double
    /// Whether any call is disturbed at all. Default: false.
    public var isEnabled: Bool

    /// Creates a policy.
    public init(rate: Double = 0.001, isEnabled: Bool = false) {
        self.rate = rate
        self.isEnabled = isEnabled
    }
}
