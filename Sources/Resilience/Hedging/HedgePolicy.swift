/// When and how often to hedge.
public struct HedgePolicy: Sendable, Hashable {
    /// When a hedge begins.
    @nonexhaustive
    public enum Delay: Sendable, Hashable {
        /// So long after the attempt before it; zero begins all at once. Range: 0 or more.
        case fixed(Duration)
        /// After as long as that share of calls takes, at least `minimum`; `meanwhile` until ``HedgePolicy/warmUp`` calls
        /// were seen. With the quantile 1 - x, hedges are about the share x of calls. Range: 0.01 to 0.999; the
        /// times 0 or more.
        case quantile(Double, minimum: Duration = .milliseconds(1), meanwhile: Duration)
        /// Only when the attempts before it have failed.
        case afterFailure
    }

    /// When a hedge begins. Default: 2 s after the attempt before it.
    public var delay: Delay
    /// The attempts besides the first. Range: 0 to 10. Default: 1.
    public var maximumHedges: Int
    /// What the hedges of one call may cost together, in a unit of the caller's choice such as micro-dollars; nil for
    /// any sum. Range: 0 or more. Default: nil.
    public var maximumCost: Int?
    /// The latest calls that a quantile is taken of, exactly; nil follows it as it changes and keeps none of them.
    /// Range: 1 to 10,000. Default: nil.
    public var window: Int?
    /// The calls that must have been seen before a quantile says when a hedge begins. Range: 1 or more. Default: 20.
    public var warmUp: Int

    static let mostHedges = 10

    /// Creates a policy.
    public init(
        delay: Delay = .fixed(.seconds(2)), maximumHedges: Int = 1, maximumCost: Int? = nil,
        window: Int? = nil,
        warmUp: Int = 20
    ) {
        self.delay = delay
        self.maximumHedges = maximumHedges
        self.maximumCost = maximumCost
        self.window = window
        self.warmUp = warmUp
    }

    /// The hedges that a call may have of which each attempt costs so much.
    func hedges(costing cost: Int) -> Int {
        let most = min(max(0, maximumHedges), Self.mostHedges)
        guard let maximumCost, cost > 0 else { return most }
        return min(most, max(0, maximumCost) / cost)
    }

    var quantile: Double? {
        if case .quantile(let share, _, _) = delay { return share }
        return nil
    }
}
