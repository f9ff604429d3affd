/// The random numbers that the worlds' reference draws with, so that a policy can be compared with it request by
/// request.
///
/// MT19937 (M. Matsumoto, T. Nishimura: "Mersenne Twister", 1998), seeded by an array of the seed's 32-bit words,
/// lowest first. Elsewhere `Chance` is used.
struct MersenneTwister: Drawing {
    private static let size = 624

    private var state: [UInt32]
    private var used = MersenneTwister.size

    init(seed: UInt64) {
        var key = [UInt32(truncatingIfNeeded: seed)]
        if seed >> 32 != 0 { key.append(UInt32(seed >> 32)) }
        state = Array(repeating: 19_650_218, count: Self.size)
        for place in 1..<Self.size { state[place] = 1_812_433_253 &* folded(place - 1) &+ UInt32(place) }
        var place = 1, part = 0
        for _ in 0..<Self.size {
            state[place] = (state[place] ^ (folded(place - 1) &* 1_664_525)) &+ key[part] &+ UInt32(part)
            part = (part + 1) % key.count
            place = following(place)
        }
        for _ in 1..<Self.size {
            state[place] = (state[place] ^ (folded(place - 1) &* 1_566_083_941)) &- UInt32(place)
            place = following(place)
        }
        state[0] = 0x8000_0000
    }

    private func folded(_ place: Int) -> UInt32 { state[place] ^ (state[place] >> 30) }

    private mutating func following(_ place: Int) -> Int {
        guard place + 1 == Self.size else { return place + 1 }
        state[0] = state[Self.size - 1]
        return 1
    }

    /// The next 32 bits.
    mutating func next() -> UInt32 {
        if used == Self.size { twist() }
        var bits = state[used]
        used += 1
        bits ^= bits >> 11
        bits ^= (bits << 7) & 0x9D2C_5680
        bits ^= (bits << 15) & 0xEFC6_0000
        return bits ^ (bits >> 18)
    }

    private mutating func twist() {
        for place in 0..<Self.size {
            let next = state[(place + 1) % Self.size]
            let mixed = (state[place] & 0x8000_0000) | (next & 0x7FFF_FFFF)
            let matrix: UInt32 = next & 1 == 0 ? 0 : 0x9908_B0DF
            state[place] = state[(place + 397) % Self.size] ^ (mixed >> 1) ^ matrix
        }
        used = 0
    }

    /// A number in 0 ..< 1 with 53 random bits, of which the first draw gives the 27 highest.
    mutating func unit() -> Double {
        let high = UInt64(next() >> 5), low = UInt64(next() >> 6)
        return Double(high << 26 | low) * 0x1p-53
    }

    /// As many of the highest bits as the count has, drawn again while they are not below it.
    mutating func place(below count: Int) -> Int {
        let bits = Int.bitWidth - count.leadingZeroBitCount
        while true {
            let place = Int(next() >> UInt32(max(0, 32 - bits)))
            if place < count { return place }
        }
    }
}
