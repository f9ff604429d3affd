/// An estimate of how often keys were asked for lately: four bits in four places for each key. It is too high at times,
/// and too low only by ageing.
///
/// A count-min sketch that ages by halving, as in TinyLFU (Einziger, Friedman, Manes: "TinyLFU: A Highly Efficient
/// Cache Admission Policy", 2017); the places of a key lie in one block of 64 bytes, as in Caffeine's
/// `FrequencySketch`. Unlike there, it grows by repeating itself, which keeps every estimate.
struct FrequencySketch: Sendable {
    /// Sixteen counters to a word, eight words to a block.
    private var table = [UInt64](repeating: 0, count: 8)
    private var blockMask: UInt64 = 0
    private var additions = 0

    /// The counts after which all of them are halved.
    private var sample: Int { 10 * table.count }

    /// How many keys it tells apart well.
    var size: Int { table.count }

    /// Makes room for that many keys. The size is a power of two.
    mutating func grow(toHold keys: Int) {
        while table.count < keys, table.count < 1 << 30 {
            table += table
            blockMask = blockMask << 1 | 1
        }
    }

    /// How often the key was counted, up to 15.
    func frequency(of hash: UInt64) -> Int {
        let mixed = Self.mix(hash)
        var least: UInt64 = 15
        for row in 0..<4 {
            let (word, shift) = place(mixed, row)
            least = min(least, table[word] >> shift & 15)
        }
        return Int(least)
    }

    /// Counts the key once. O(1); every 10 sizes all counters are halved, which costs O(size).
    mutating func increment(_ hash: UInt64) {
        let mixed = Self.mix(hash)
        var added = false
        for row in 0..<4 {
            let (word, shift) = place(mixed, row)
            if table[word] >> shift & 15 < 15 {
                table[word] &+= 1 << shift
                added = true
            }
        }
        guard added else { return }
        additions += 1
        if additions >= sample { age() }
    }

    private mutating func age() {
        for index in table.indices {
            table[index] = table[index] >> 1 & 0x7777_7777_7777_7777
        }
        additions /= 2
    }

    /// The word and the shift of a key's counter: the upper half of the mixed hash picks the block, one byte of the
    /// lower half the counter in it. Rows use words of their own, so a key's four counters differ.
    private func place(_ mixed: UInt64, _ row: Int) -> (word: Int, shift: UInt64) {
        let byte = mixed >> UInt64(row &* 8)
        let block = mixed >> 32 & blockMask
        return (Int(block << 3 | UInt64(row) << 1 | byte & 1), (byte >> 1 & 15) << 2)
    }

    /// Spreads hashes whose bits are alike (the finaliser of SplitMix64).
    private static func mix(_ hash: UInt64) -> UInt64 {
        var spread = Chance(seed: hash)
        return spread.next()
    }
}
