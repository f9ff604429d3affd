/// How a route orders its targets.
public enum Strategy: String, Sendable, Hashable, CaseIterable {
    /// In the order of the configuration.
    case priority
    /// Each target first in its turn; the others follow in the order of the configuration.
    case roundRobin = "round_robin"
    /// First by chance, in proportion to its weight; the others follow in the same way.
    case weighted
    /// By an index of quality, price, predicted latency, odds of failing and headroom, learned from every attempt.
    case adaptive
    /// The less loaded of two drawn by chance, by predicted latency and requests in flight; the others by latency.
    case leastLatency = "least_latency"
    /// The one with the lowest price for the request that can be asked.
    case cheapest
    /// By a draw from what is known of each target's share of answers (W. R. Thompson, 1933).
    case thompson
    /// By the upper confidence bound of each target's share of answers (P. Auer et al., 2002).
    case upperBound = "ucb"

    /// Whether it chooses by what was learned of the targets, and anew after each failure.
    public var learns: Bool {
        switch self {
        case .priority, .roundRobin, .weighted: false
        case .adaptive, .leastLatency, .cheapest, .thompson, .upperBound: true
        }
    }
}
