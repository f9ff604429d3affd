/// How a ``RetryBandit`` learns and chooses.
///
/// A value out of its range counts as the nearest one within it.
public struct RetryBanditPolicy: Sendable, Hashable {
    /// The share of choices that are made without regard to what was learned. Range: 0 to 1. Default: 0.02.
    public var exploration = 0.02
    /// The samples of a key below which the fallback is chosen; time takes its part of them. Range: 0 or more.
    /// Default: 30.
    public var minimumSamples = 30
    /// The number of the arm that is chosen until enough is known, from 0. Range: 0 to 63, and
    /// below the number of arms. Default: 0.
    public var fallback = 0
    /// What one retry leaves of what was seen before it. Range: 0 to 1. Default: 0.998, about 500 retries.
    public var discount = 0.998
    /// After how long what was seen counts half. Range: 1 ms or more. Default: 1 h.
    public var halfLife = Duration.seconds(3600)
    /// What a second of delay is worth, as a chance of success. Range: 0 to 1,000,000,000. Default: 0.02.
    public var delayCost = 0.02
    /// The keys that are remembered; beyond them the one that was not retried for longest is forgotten.
    /// Range: 1 or more. Default: 256.
    public var maximumKeys = 256

    /// Creates the default policy.
    public init() {}

    /// The arms that a bandit has at most.
    static let mostArms = 64

    func withinRange(arms: Int) -> RetryBanditPolicy {
        // What is not a number counts as the default.
        func bounded(_ value: Double, _ range: ClosedRange<Double>, else usual: Double) -> Double {
            value.isNaN ? usual : min(max(value, range.lowerBound), range.upperBound)
        }
        let usual = RetryBanditPolicy()
        var policy = self
        policy.exploration = bounded(exploration, 0...1, else: usual.exploration)
        policy.minimumSamples = max(0, minimumSamples)
        policy.fallback = min(max(0, fallback), arms - 1)
        policy.discount = bounded(discount, 0...1, else: usual.discount)
        policy.halfLife = min(max(.milliseconds(1), halfLife), .unbounded)
        policy.delayCost = bounded(delayCost, 0...1e9, else: usual.delayCost)
        policy.maximumKeys = max(1, maximumKeys)
        return policy
    }
}
