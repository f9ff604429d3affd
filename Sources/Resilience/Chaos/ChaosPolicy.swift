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

/// A strategy that does harm on purpose, to see how the layers outside bear it.
///
/// It has its place inside all other layers, where the real call is. Off by default, and cheap while it is off: one look
/// at a word in memory.
public protocol ChaosStrategy: ResilienceStrategy {
    /// The policy in force.
    var policy: ChaosPolicy { get }
    /// Whether any call is disturbed: the policy's switch, which may be thrown at any time.
    var isEnabled: Bool { get nonmutating set }

    /// Goes on under another policy, from the next call on.
    func reconfigure(_ policy: ChaosPolicy)
}
