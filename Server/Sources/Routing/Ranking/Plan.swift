/// Who may be asked now, the best first, and how. Strategies that learn make a new one after each failure.
public struct Plan: Sendable, Hashable {
    /// One who may be asked.
    public struct Choice: Sendable, Hashable {
        /// The candidate's index.
        public var candidate: Int
        /// The limit for the first token in seconds, if it is to be shorter than the route's; infinite for the route's.
        public var firstTokenSeconds = Double.infinity
        /// Seconds after which another one is asked too if there is no first token; infinite for never.
        public var hedgeAfterSeconds = Double.infinity
        /// Whether a candidate that is left alone is asked all the same, since nobody else is there.
        public var isForced = false
        /// Whether it is asked first only to learn how it is.
        public var isExploration = false

        /// Creates a choice without limits of its own.
        public init(_ candidate: Int) { self.candidate = candidate }

        /// The limit for the first token; nil for the route's.
        public var firstToken: Duration? {
            get { Self.duration(firstTokenSeconds) }
            set { firstTokenSeconds = newValue.map { $0 / .seconds(1) } ?? .infinity }
        }

        /// When another one is asked too if there is no first token; nil for never.
        public var hedgeAfter: Duration? {
            get { Self.duration(hedgeAfterSeconds) }
            set { hedgeAfterSeconds = newValue.map { $0 / .seconds(1) } ?? .infinity }
        }

        /// What a request can wait for at all fits.
        private static func duration(_ seconds: Double) -> Duration? {
            seconds < 1e9 ? .seconds(max(0, seconds)) : nil
        }
    }

    /// What to do when nobody can be asked.
    public struct StandBy: Sendable, Hashable {
        /// Rank again after so long.
        public var step: Duration
        /// The time until somebody may be asked, as far as can be foreseen; waiting for less is of no use.
        public var wait: Duration

        /// Creates a wait of so many seconds.
        ///
        /// - Parameter wait: Default: the same.
        public init(_ step: Double, outOf wait: Double? = nil) {
            self.step = .seconds(min(step, 1e6))
            self.wait = .seconds(min(wait ?? step, 1e6))
        }
    }

    /// The candidates that may be asked now, the best first.
    public var order: [Choice]
    /// What to do if none of them can be asked; nil if waiting would not help.
    public var standBy: StandBy?
    /// Whether nobody is to be asked any more, whatever waits.
    public var givesUp = false

    /// Creates a plan.
    public init(_ order: [Choice], standBy: StandBy? = nil) {
        self.order = order
        self.standBy = standBy
    }

    /// The candidate that is asked first only to learn how it is; nil for none.
    public var explored: Int? { order.first.flatMap { $0.isExploration ? $0.candidate : nil } }

    /// All candidates in their order.
    public static func inOrder(_ count: Int) -> Plan { Plan((0..<count).map { Choice($0) }) }
}
