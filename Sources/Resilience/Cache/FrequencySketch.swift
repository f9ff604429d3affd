/// An estimate of how often keys were asked for lately: four bits in four places for each key. It is too high at times,
/// and too low only by ageing.
///
/// A count-min sketch that ages by halving, as in TinyLFU (Einziger, Friedman, Manes: "TinyLFU: A Highly Efficient
/// Cache Admission Policy", 2017); the places of a key lie in one block of 64 bytes, as in Caffeine's
/// `FrequencySketch`. Unlike there, it grows by repeating itself, which keeps every estimate; and it is halved and
/// repeated a page at a time, when a key of the page is counted next, so that no step costs more than a page.
struct FrequencySketch: Sendable {
    /// Sixteen counters to a word, eight words to a block, 128 blocks to a page. Pages that repeat each other share their
    /// memory until one of them changes.
    private(set) var pages = [[UInt64](repeating: 0, count: 8)]
    /// How often each page was halved.
    private var halvings: [UInt32] = [0]
    /// How often each page is to have been halved.
    private var halved: UInt32 = 0
    private var blockMask: UInt64 = 0
    private var additions = 0

    /// The counts after which all of them are halved.
    private var sample: Int { 10 * size }

    /// How many keys it tells apart well.
    private(set) var size = 8

    /// Makes room for that many keys. The size is a power of two.
    mutating func grow(toHold keys: Int) {
        while size < keys, size < 1 << 30 {
            if size < 1024 {
                pages[0] += pages[0]
            } else {
                pages += pages
                halvings += halvings
            }
            size *= 2
            blockMask = blockMask << 1 | 1
        }
    }

    /// How often the key was counted, up to 15.
    func frequency(of hash: UInt64) -> Int {
        let mixed = Self.mix(hash), block = Int(mixed >> 32 & blockMask)
        let page = block >> 7, missed = halved &- halvings[page]
        var least: UInt64 = 15
        for row in 0..<4 {
            let (word, shift) = Self.place(mixed, row, block)
            least = min(least, (pages[page][word] >> shift & 15) >> UInt64(missed))
        }
        return Int(least)
    }

    /// Counts the key once. Every 10 sizes all counters are halved.
    mutating func increment(_ hash: UInt64) {
        let mixed = Self.mix(hash), block = Int(mixed >> 32 & blockMask), page = block >> 7
        if halvings[page] != halved { age(page) }
        guard Self.count(mixed, block, in: &pages[page]) else { return }
        additions += 1
        guard additions >= sample else { return }
        halved &+= 1
        additions /= 2
    }

    private static func count(_ mixed: UInt64, _ block: Int, in page: inout [UInt64]) -> Bool {
        var added = false
        for row in 0..<4 {
            let (word, shift) = place(mixed, row, block)
            if page[word] >> shift & 15 < 15 {
                page[word] &+= 1 << shift
                added = true
            }
        }
        return added
    }

    /// Halves a page as often as it was missed.
    private mutating func age(_ page: Int) {
        let missed = UInt64(min(4, halved &- halvings[page])), kept: UInt64 = 15 >> missed
        let mask = kept &* 0x1111_1111_1111_1111
        for index in pages[page].indices { pages[page][index] = pages[page][index] >> missed & mask }
        halvings[page] = halved
    }

    /// The word in its page and the shift of a key's counter: the upper half of the mixed hash picks the block, one byte of
    /// the lower half the counter in it. Rows use words of their own, so a key's four counters differ.
    private static func place(_ mixed: UInt64, _ row: Int, _ block: Int) -> (word: Int, shift: UInt64) {
        let byte = mixed >> UInt64(row &* 8)
        return ((block & 127) << 3 | row << 1 | Int(byte & 1), (byte >> 1 & 15) << 2)
    }

    /// Spreads hashes whose bits are alike (the finaliser of SplitMix64).
    private static func mix(_ hash: UInt64) -> UInt64 {
        var spread = Chance(seed: hash)
        return spread.next()
    }
}
