import Testing

@testable import Resilience

@Suite struct TinyLFUTests {
    /// A cache of numbers, each of weight 1, over the decisions.
    private struct Numbers {
        var order: TinyLFU
        private var places: [Int: Int] = [:]
        private var keys: [Int] = []
        private var free: [Int] = []

        init(capacity: Int) {
            order = TinyLFU(capacity: capacity, chance: Chance(seed: 1))
        }

        func holds(_ key: Int) -> Bool { places[key] != nil }

        /// Whether it was a hit; a miss is followed by an insertion.
        mutating func ask(_ key: Int) -> Bool {
            if let place = places[key] {
                order.touch(place)
                return true
            }
            let place = free.popLast() ?? keys.count
            if place == keys.count { keys.append(key) } else { keys[place] = key }
            places[key] = place
            let hash = UInt64(key)
            order.missed(hash)
            for freed in order.insert(place, hash: hash, weight: 1) {
                places[keys[freed]] = nil
                free.append(freed)
            }
            return false
        }
    }

    /// A plain cache that drops what was used least lately.
    private struct LRU {
        let capacity: Int
        private var usedAt: [Int: Int] = [:]
        private var byTime: [Int: Int] = [:]
        private var now = 0, oldest = 0

        init(capacity: Int) { self.capacity = capacity }

        mutating func ask(_ key: Int) -> Bool {
            now += 1
            let before = usedAt.updateValue(now, forKey: key)
            if let before { byTime[before] = nil }
            byTime[now] = key
            while usedAt.count > capacity {
                if let key = byTime.removeValue(forKey: oldest) { usedAt[key] = nil }
                oldest += 1
            }
            return before != nil
        }
    }

    /// Ranks drawn by Zipf's law with exponent `s`, by inversion of the summed weights.
    private struct Zipf {
        private var sums: [Double] = []
        private var chance: Chance

        init(_ count: Int, s: Double, seed: UInt64) {
            var sum = 0.0
            for rank in 1...count {
                sum += 1 / Self.power(Double(rank), s)
                sums.append(sum)
            }
            chance = Chance(seed: seed)
        }

        /// x to the s for s of a quarter's steps, without a mathematics library.
        private static func power(_ x: Double, _ s: Double) -> Double {
            let quarter = x.squareRoot().squareRoot()
            return (0..<Int(s * 4)).reduce(1) { product, _ in product * quarter }
        }

        mutating func next() -> Int {
            let wanted = chance.unit() * (sums.last ?? 0)
            var low = 0, high = sums.count - 1
            while low < high {
                let middle = (low + high) / 2
                if sums[middle] < wanted { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    private static func rates(capacity: Int, trace: [Int]) -> (tiny: Double, lru: Double) {
        var tiny = Numbers(capacity: capacity), lru = LRU(capacity: capacity), hits = (tiny: 0, lru: 0)
        for key in trace {
            hits.tiny += tiny.ask(key) ? 1 : 0
            hits.lru += lru.ask(key) ? 1 : 0
        }
        return (Double(hits.tiny) / Double(trace.count), Double(hits.lru) / Double(trace.count))
    }

    @Test(arguments: [0.75, 1.0])
    func `it keeps more hits than LRU where scans pass through popular keys`(exponent: Double) {
        var zipf = Zipf(20_000, s: exponent, seed: 7), trace: [Int] = [], scanned = 1_000_000
        for _ in 0..<60 {
            for _ in 0..<1000 { trace.append(zipf.next()) }
            // A scan: each key once, never again.
            for _ in 0..<500 {
                trace.append(scanned)
                scanned += 1
            }
        }
        let rates = Self.rates(capacity: 500, trace: trace)
        print("zipf \(exponent) with scans, 500 of 20,000 keys: W-TinyLFU \(rates.tiny), LRU \(rates.lru)")
        #expect(rates.tiny > rates.lru * 1.2)
    }

    @Test func `without scans it is no worse than LRU`() {
        var zipf = Zipf(20_000, s: 1, seed: 8)
        let rates = Self.rates(capacity: 500, trace: (0..<60_000).map { _ in zipf.next() })
        print("zipf 1.0 alone, 500 of 20,000 keys: W-TinyLFU \(rates.tiny), LRU \(rates.lru)")
        #expect(rates.tiny > rates.lru)
    }

    @Test func `a scan leaves entries that are in use where they are`() {
        var cache = Numbers(capacity: 100)
        for _ in 0..<4 { for key in 0..<90 { _ = cache.ask(key) } }
        for key in 1000..<5000 {
            _ = cache.ask(key)
            if key % 10 == 0 { for key in 0..<90 { _ = cache.ask(key) } }
        }
        #expect((0..<90).allSatisfy { cache.holds($0) })
        #expect(cache.order.rejections > 3000)
    }

    @Test func `an entry goes from the window to probation to protection, and back when that is full`() {
        var order = TinyLFU(capacity: 100, chance: Chance(seed: 1))
        #expect((order.windowLimit, order.protectedLimit) == (1, 79))
        for place in 0..<100 { #expect(order.insert(place, hash: UInt64(place), weight: 1).isEmpty) }
        #expect(order.segment(of: 99) == .window && order.segment(of: 0) == .probation)
        for place in 0..<79 { order.touch(place) }
        #expect(order.weights == (1, 20, 79))
        order.touch(79)
        #expect(order.segment(of: 79) == .protected && order.segment(of: 0) == .probation)
        #expect(order.weights == (1, 20, 79))
    }

    @Test func `a newcomer gets in only if it was asked for more often than its victim`() {
        func freed(asked: Int, victim: Int) -> [Int] {
            var order = TinyLFU(capacity: 3, chance: Chance(seed: 1))
            for place in 0..<3 { _ = order.insert(place, hash: UInt64(place), weight: 1) }
            // The oldest of the probation is the victim; what leaves the window next is place 2.
            for _ in 0..<victim { order.missed(0) }
            for _ in 0..<asked { order.missed(2) }
            return order.insert(3, hash: 3, weight: 1)
        }
        #expect(freed(asked: 2, victim: 2) == [2])
        #expect(freed(asked: 3, victim: 2) == [0])
        #expect(freed(asked: 0, victim: 0) == [2])
    }

    @Test(arguments: [(5, false), (6, true)])
    func `chance lets a few newcomers in, from six uses on`(uses: Int, some: Bool) {
        var admitted = 0
        for seed in 0..<1000 {
            var order = TinyLFU(capacity: 3, chance: Chance(seed: UInt64(seed)))
            for place in 0..<3 { _ = order.insert(place, hash: UInt64(place), weight: 1) }
            for _ in 0..<15 { order.missed(0) }
            for _ in 0..<uses { order.missed(2) }
            if order.insert(3, hash: 3, weight: 1) == [0] { admitted += 1 }
        }
        #expect(some ? (1...25).contains(admitted) : admitted == 0)
    }

    @Test func `a heavy newcomer displaces all it needs or nothing`() {
        func order(used: Int) -> (TinyLFU, freed: [Int]) {
            var order = TinyLFU(capacity: 200, chance: Chance(seed: 1))
            for place in 0..<200 { _ = order.insert(place, hash: UInt64(place), weight: 1) }
            // The third to go is used more than the newcomer.
            for _ in 0..<used { order.missed(2) }
            for _ in 0..<3 { order.missed(500) }
            return (order, order.insert(200, hash: 500, weight: 50))
        }
        var (kept, freed) = order(used: 5)
        #expect(freed.contains(200) && freed.count <= 3)
        #expect(kept.weight >= 197 && kept.frequency(of: 500) == 3)
        (kept, freed) = order(used: 0)
        #expect(!freed.contains(200) && freed.count >= 50)
        #expect(kept.weight <= 200)
    }

    @Test func `counters stop at fifteen, and are halved after ten times the size`() {
        var sketch = FrequencySketch()
        sketch.grow(toHold: 64)
        for _ in 0..<40 { sketch.increment(1) }
        #expect(sketch.frequency(of: 1) == 15)
        // Saturated counters add nothing, so 15 of 640 are used.
        for key in 2...625 { sketch.increment(UInt64(key)) }
        #expect(sketch.frequency(of: 1) == 15)
        sketch.increment(1_000_000)
        #expect(sketch.frequency(of: 1) == 7)
    }

    @Test func `growing keeps every count`() {
        var sketch = FrequencySketch()
        for key in 0..<20 { for _ in 0..<key % 4 { sketch.increment(UInt64(key)) } }
        let before = (0..<20).map { sketch.frequency(of: UInt64($0)) }
        sketch.grow(toHold: 1000)
        #expect(sketch.size == 1024)
        #expect((0..<20).map { sketch.frequency(of: UInt64($0)) } == before)
    }

    @Test(arguments: Array<UInt64>(1...60))
    func `whatever comes, no segment weighs more than it may, and nothing is lost`(seed: UInt64) {
        var chance = Chance(seed: seed), weights: [Int: Int] = [:], free = Array((0..<64).reversed())
        let capacities = [1, 2, 7, 100, 1000, Int.max / 8, Int.max], bounds = [3, 40, 600, Int.max]
        let capacity = capacities[Int(chance.next() % 7)], bound = bounds[Int(chance.next() % 4)]
        var order = TinyLFU(capacity: capacity, chance: Chance(seed: seed)), wrong = 0
        func drop(_ freed: [Int]) {
            for slot in freed {
                if weights.removeValue(forKey: slot) == nil { wrong += 1 }
                free.append(slot)
            }
        }
        for _ in 0..<1500 {
            let weight = Int(truncatingIfNeeded: chance.next() >> 1) % bound - 1
            let slot = weights.keys.sorted().randomElement(using: &chance)
            switch (chance.next() % 10, slot) {
            case (0..<5, _):
                guard let slot = free.popLast() else { continue }
                weights[slot] = max(1, weight)
                drop(order.insert(slot, hash: chance.next() % 40, weight: weight))
            case (5..<8, let slot?): order.touch(slot)
            case (8, let slot?):
                weights[slot] = max(1, weight)
                drop(order.reweigh(slot, to: weight))
            case (9, let slot?):
                order.remove(slot)
                drop([slot])
            default: break
            }
            let (window, probation, protected) = order.weights
            if window > order.windowLimit || protected > order.protectedLimit { wrong += 1 }
            if order.weight > order.capacity || probation < 0 { wrong += 1 }
            if order.weight != weights.values.reduce(0, +) { wrong += 1 }
            if weights.keys.contains(where: { order.segment(of: $0) == .none }) { wrong += 1 }
        }
        #expect(wrong == 0, "seed \(seed)")
    }
}
