import Foundation

/// Random numbers that are looked up, not drawn: the same key and index give the same number in any order.
///
/// A world asks for "the second number of the third attempt of request 12 at provider 4". Whatever a routing policy does,
/// and in whatever language the world is written, that number is the same, so that policies are compared on the same luck.
/// The mixing step is that of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). All
/// arithmetic wraps around at 64 bits.
public struct CounterRandom: Sendable, Hashable {
    /// What the numbers of a key are for. The raw value is the stream's number in the format's description.
    public enum Stream: UInt64, Sendable {
        /// Candidates for arrivals.
        case arrivals = 1
        /// Sizes of requests.
        case requests = 2
        /// Outcomes of attempts.
        case attempts = 3
    }

    /// The key, which ``unit(_:)`` adds the index to.
    public let key: UInt64

    /// The numbers of one thing in a world, such as one request.
    ///
    /// - Parameters:
    ///   - seed: The world's seed.
    ///   - first: The thing's number, such as the request's.
    ///   - second: Its part, such as the attempt's number; 0 where there are none.
    @inline(__always)
    public init(seed: UInt64, stream: Stream, _ first: UInt64, _ second: UInt64 = 0) {
        let seeded = Self.mix(seed ^ (stream.rawValue << 56))
        key = Self.mix(Self.mix(seeded ^ first) ^ second)
    }

    /// Spreads 64 bits over 64 bits, one to one.
    @inline(__always)
    public static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number in 0 ..< 1, with 53 random bits.
    @inline(__always)
    public func unit(_ index: UInt64) -> Double {
        Double(Self.mix(key &+ index) >> 11) * 0x1p-53
    }

    /// Two independent numbers of the standard normal distribution (G. E. P. Box, M. E. Muller: "A note on the generation
    /// of random normal deviates", 1958).
    ///
    /// - Parameters:
    ///   - first: Range: 0 ..< 1.
    ///   - second: Range: 0 ..< 1.
    @inline(__always)
    public static func normals(_ first: Double, _ second: Double) -> (Double, Double) {
        let radius = (-2 * log(1 - first)).squareRoot(), angle = 2 * Double.pi * second
        return (radius * cos(angle), radius * sin(angle))
    }
}
