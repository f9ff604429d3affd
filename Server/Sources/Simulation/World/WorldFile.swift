/// A file of worlds: providers, the scenarios they go through, and how an answer is valued (format `selection-world/1`).
///
/// A file that was read holds only values within their ranges, so that no world made from it can trap or run for ever.
public struct WorldFile: Sendable, Hashable {
    /// The only format that is read.
    public static let format = "selection-world/1"

    /// The providers as they are when nothing happens. At least 1, at most ``mostProviders``.
    public let providers: [Provider]
    /// What may happen to them. At least 1; names are unique.
    public let scenarios: [Scenario]
    /// The sizes that requests have, each with the same probability. At least 1.
    public let tokenTable: [TokenCount]
    /// What an answer is worth.
    public let utility: Utility
    /// Seconds after its arrival at which a request has failed. Range: above 0, at most 86,400. Default: 30.
    public let deadline: Double
    /// Random numbers by which another implementation proves that it draws the same.
    public let vectors: [Vector]

    /// The scenario with a name, or nil when there is none.
    public func scenario(named name: String) -> Scenario? {
        scenarios.first { $0.name == name }
    }

    /// The tokens of a request and of its answer.
    public struct TokenCount: Sendable, Hashable {
        /// Tokens that the request has. Range: 0 ... 10,000,000.
        public let input: Int
        /// Tokens that each answer has. Range: 0 ... 10,000,000.
        public let output: Int
    }

    /// What an answer is worth, in points.
    public struct Utility: Sendable, Hashable {
        /// Points for a valid answer.
        public let success: Double
        /// Points for each point of the provider's quality above ``referenceQuality``.
        public let perQuality: Double
        /// The quality that gives and takes nothing.
        public let referenceQuality: Double
        /// Points that each second takes.
        public let perSecond: Double
        /// Points that each dollar takes.
        public let perDollar: Double
        /// The least quality that a caller wants. Default: 0.
        public let leastQuality: Double
    }

    /// Random numbers that ``CounterRandom`` must give.
    public struct Vector: Sendable, Hashable {
        /// The seed of ``CounterRandom/init(seed:stream:_:_:)``.
        public let seed: UInt64
        /// The stream's number, of ``CounterRandom/Stream``.
        public let stream: CounterRandom.Stream
        /// The thing's number.
        public let first: UInt64
        /// Its part.
        public let second: UInt64
        /// The expected ``CounterRandom/key``.
        public let key: UInt64
        /// The expected numbers with the indices 0 and 1.
        public let units: [Double]
        /// The expected normal numbers, made of the numbers with the indices 1 and 2.
        public let normals: [Double]
    }
}

/// The bounds that keep a world's memory and time within reason.
extension WorldFile {
    /// The most bytes of a file.
    public static let mostBytes = 8_000_000
    /// The most providers.
    public static let mostProviders = 32
    /// The most arrivals that a scenario may make on average, at its highest rate all the time.
    public static let mostArrivals = 5_000_000
    /// The most scenarios of a file, segments of a scenario and test vectors.
    static let mostEntries = 1_000
    /// The most incidents of a scenario.
    static let mostIncidents = 10_000
    /// The most rows of a token table.
    static let mostTokenCounts = 100_000
    /// The latest moment and the longest time, in seconds (31 years).
    static let mostSeconds = 1e9
}
