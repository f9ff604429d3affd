/// A strategy that does harm on purpose, to see how the layers outside bear it.
///
/// It has its place inside all other layers, where the real call is. Off by default, and cheap while it is off: one look
/// at a word in memory, and one at whether the caller is cancelled.
public protocol ChaosStrategy: ResilienceStrategy {
    /// When it strikes.
    var dice: ChaosDice { get }
}

extension ChaosStrategy {
    /// The name that events carry.
    public var name: String { dice.name }

    /// The policy in force.
    public var policy: ChaosPolicy { dice.policy }

    /// Whether any call is disturbed: the policy's switch, which may be thrown at any time.
    public var isEnabled: Bool {
        get { dice.isEnabled }
        nonmutating set { dice.isEnabled = newValue }
    }

    /// Goes on under another policy, from the next call on.
    public func reconfigure(_ policy: ChaosPolicy) { dice.reconfigure(policy) }
}
