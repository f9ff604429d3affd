/// How a route orders its targets.
public enum Strategy: String, Sendable, Hashable, CaseIterable {
    /// In the order of the configuration.
    case priority
    /// Each target first in its turn; the others follow in the order of the configuration.
    case roundRobin = "round_robin"
    /// First by chance, in proportion to its weight; the others follow in the same way.
    case weighted
}
