public import Routing

/// How a route chooses its targets.
public struct SelectionSettings: Sendable {
    /// What orders the targets. Default: priority.
    public var strategy: Strategy
    /// What is preferred.
    public var preferences = RoutingPreferences()
    /// What is preferred at certain times; the later of two that apply goes before the earlier.
    public var rules: [TimeRule] = []
    /// What the holders of keys prefer, by the names of the keys.
    public var keyPreferences: [String: RoutingPreferences] = [:]
    /// What a request may prefer for itself. Default: everything but a tier.
    public var callerMaySet = Set(RoutingPreferences.Name.allCases).subtracting([.tier])
    /// How sessions are kept at their targets; nil if they are not.
    public var sticky: Stickiness?
    /// Whether a target that is slow to begin its answer is hedged, on routes whose strategy learns. Default: true.
    public var hedges = true

    /// Creates settings with defaults but for the strategy.
    public init(_ strategy: Strategy = .priority) { self.strategy = strategy }
}
