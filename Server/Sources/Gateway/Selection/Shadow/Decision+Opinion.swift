public import Routing

extension Decision {
    /// What the strategy that did not decide a request would have done.
    public struct Opinion: Sendable {
        /// Whether the shadow strategy decided, and this is what the route's own would have done.
        public var isRolledOut: Bool
        /// Who would have done it.
        public var strategy: Strategy
        /// The target that it would have asked first; nil for nobody.
        public var first: String?
        /// Whether another one was asked first.
        public var differs: Bool
        /// What was expected of the shadow strategy's choice beside that of the route's own; nil if that is not known.
        public var gain: Gain?
    }

    /// What one choice is expected to gain over another.
    public struct Gain: Sendable, Hashable {
        /// The seconds by which its answer comes sooner.
        public var seconds: Double
        /// The dollars by which it is cheaper.
        public var dollars: Double
        /// By how much it is likelier to answer. Range: -1 to 1.
        public var success: Double
    }
}
