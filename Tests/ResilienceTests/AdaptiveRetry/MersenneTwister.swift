import Foundation

/// Python's generator, so that a world which was measured with it can be visited again.
///
/// MT19937 (M. Matsumoto, T. Nishimura, 1998), seeded and read as CPython's `random.Random` does.
struct MersenneTwister {
    private var words: [UInt32]
    private var index = 624

    init(seed: UInt32) {
        words = Array(repeating: 0, count: 624)
        words[0] = 19_650_218
        for place in 1..<624 {
            words[place] = 1_812_433_253 &* (words[place - 1] ^ words[place - 1] >> 30) &+ UInt32(place)
        }
        var place = 1
        for round in 0..<(624 + 623) {
            let mixed = words[place - 1] ^ words[place - 1] >> 30
            words[place] =
                round < 624
                ? (words[place] ^ mixed &* 1_664_525) &+ seed
                : (words[place] ^ mixed &* 1_566_083_941) &- UInt32(place)
            place += 1
            if place == 624 { (words[0], place) = (words[623], 1) }
        }
        words[0] = 1 << 31
    }

    private mutating func next() -> UInt32 {
        if index == 624 { turn() }
        var word = words[index]
        index += 1
        word ^= word >> 11
        word ^= word << 7 & 0x9d2c_5680
        word ^= word << 15 & 0xefc6_0000
        return word ^ word >> 18
    }

    private mutating func turn() {
        for place in 0..<624 {
            let joined = words[place] & 1 << 31 | words[(place + 1) % 624] & (1 << 31 - 1)
            words[place] =
                words[(place + 397) % 624] ^ joined >> 1 ^ (joined & 1 == 1 ? 0x9908_b0df : 0)
        }
        index = 0
    }

    /// `random()`: a number in 0 ..< 1.
    mutating func unit() -> Double {
        let high = next() >> 5, low = next() >> 6
        return (Double(high) * 67_108_864 + Double(low)) / 9_007_199_254_740_992
    }

    /// `expovariate(1 / mean)`.
    mutating func exponential(mean: Double) -> Double { -log(1 - unit()) * mean }
}
