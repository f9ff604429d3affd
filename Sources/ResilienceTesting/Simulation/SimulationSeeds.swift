#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The seeds that are run.
///
/// ```sh
/// HOLDFAST_SEED=17 swift test --filter Simulation       # one seed
/// HOLDFAST_SEEDS=100000 swift test --filter Simulation  # the first 100,000
/// ```
public struct SimulationSeeds: Sendable, Hashable {
    /// The variable that names one seed.
    static let one = "HOLDFAST_SEED"
    /// The variable that says how many seeds are run.
    static let many = "HOLDFAST_SEEDS"

    /// The first seed.
    public let first: UInt64
    /// How many follow each other from it. Range: 0 or more.
    public let count: Int

    /// Creates a series of seeds.
    public init(from first: UInt64 = 1, count: Int) {
        self.first = first
        self.count = max(0, count)
    }

    /// What the environment asks for by `HOLDFAST_SEED` or `HOLDFAST_SEEDS`; else as many as usual, from 1.
    public static func usually(_ count: Int) -> SimulationSeeds {
        if let seed = read(one) { return SimulationSeeds(from: seed, count: 1) }
        if let seeds = read(many) { return SimulationSeeds(count: Int(clamping: seeds)) }
        return SimulationSeeds(count: count)
    }

    private static func read(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }
}
