import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// What one step of a large cache costs whoever waits for its lock, counted and not timed: hashes of keys, and blocks that
/// were written, which are those that a copy made before does not share any more.
@Suite struct CacheBoundTests {
    /// A key that counts how often it is hashed.
    private struct Counted: Hashable, Sendable {
        static let hashes = Mutex(0)
        var number: Int

        static func taken() -> Int {
            hashes.withLock { count in
                defer { count = 0 }
                return count
            }
        }

        func hash(into hasher: inout Hasher) {
            Self.hashes.withLock { $0 += 1 }
            hasher.combine(number)
        }
    }

    private static func written<Element>(_ before: [[Element]], _ after: [[Element]]) -> Int {
        zip(before, after).count { before, after in
            before.withUnsafeBufferPointer(\.baseAddress) != after.withUnsafeBufferPointer(\.baseAddress)
        } + max(0, after.count - before.count)
    }

    // MARK: Growth

    @Test func `no put hashes more than a few keys, and every key is found all the while`() {
        var machine = Cache<Counted, Int>.StateMachine(
            CachePolicy(capacity: 200_000), chance: Chance(seed: 1))
        _ = Counted.taken()
        var most = 0, lost = 0
        for number in 0..<100_000 {
            _ = machine.put(Counted(number: number), number, weight: 1, at: Instant())
            let hashes = Counted.taken()
            // A small dictionary may grow at once.
            if number > 2048 { most = max(most, hashes) }
            for known in [0, number / 2, number]
            where machine.peek(Counted(number: known), at: Instant()) == nil {
                lost += 1
            }
            _ = Counted.taken()
        }
        #expect(most <= 12, "a hash for each look-up and each key that moves")
        #expect(lost == 0 && machine.counts.entries == 100_000)
    }

    @Test func `a key that is removed while keys move is gone, and one that comes again is found`() {
        var machine = Cache<Int, Int>.StateMachine(CachePolicy(capacity: 20_000), chance: Chance(seed: 1))
        var wrong = 0
        for number in 0..<10_000 {
            _ = machine.put(number, number, weight: 1, at: Instant())
            guard number.isMultiple(of: 3) else { continue }
            let old = number / 3 * 2
            _ = machine.remove(old)
            if machine.peek(old, at: Instant()) != nil { wrong += 1 }
            _ = machine.put(old, -old, weight: 1, at: Instant())
            if machine.peek(old, at: Instant())?.value != -old { wrong += 1 }
            if machine.counts.entries != number + 1 { wrong += 1 }
        }
        #expect(wrong == 0)
        for number in 0..<10_000 { _ = machine.remove(number) }
        #expect(machine.counts.entries == 0)
    }

    @Test func `growing moves no block of places`() {
        var slots = Slots<Int>()
        for place in 0..<2048 { slots.append(place) }
        let before = slots.blocks.map { $0.withUnsafeBufferPointer(\.baseAddress) }
        for place in 2048..<100_000 { slots.append(place) }
        #expect(slots.blocks.prefix(2).map { $0.withUnsafeBufferPointer(\.baseAddress) } == before)
        #expect((0..<100_000).allSatisfy { slots[$0] == $0 })
        var last = 100_000
        while let element = slots.popLast() {
            last -= 1
            if element != last { break }
        }
        #expect(last == 0 && slots.popLast() == nil)
        slots.append(1)
        #expect(slots[0] == 1)
    }

    // MARK: Ageing

    @Test func `counters are halved and repeated a page at a time, and no estimate shows it`() {
        var sketch = FrequencySketch()
        sketch.grow(toHold: 16_000)
        for _ in 0..<15 { sketch.increment(7) }
        #expect(sketch.pages.count == 16 && sketch.frequency(of: 7) == 15)
        // Ten times the size are counted before all is halved.
        var most = 0, key: UInt64 = 1000
        for _ in 0..<163_000 {
            sketch.increment(key)
            key += 1
        }
        while sketch.frequency(of: 7) == 15, key < 170_000 {
            let before = sketch.pages
            sketch.increment(key)
            most = max(most, Self.written(before, sketch.pages))
            key += 1
        }
        #expect(sketch.frequency(of: 7) == 7)
        let before = sketch.pages
        sketch.increment(7)
        #expect(sketch.frequency(of: 7) == 8, "its page was halved before it was counted")
        #expect(max(most, Self.written(before, sketch.pages)) == 1)
        let pages = sketch.pages
        sketch.grow(toHold: 100_000)
        #expect(Self.written(pages, Array(sketch.pages.prefix(16))) == 0)
        #expect(sketch.frequency(of: 7) == 8)
    }

    @Test func `a page that was missed several times is halved as often, to zero at last`() {
        for missed in 1...4 {
            var sketch = FrequencySketch()
            sketch.grow(toHold: 2048)
            for _ in 0..<15 { sketch.increment(7) }
            var key: UInt64 = 1000, halvings = 0, last = 15
            // Other pages are counted in; that of the key is only looked at.
            while halvings < missed, key < 4_000_000 {
                if Self.page(of: key) != Self.page(of: 7) { sketch.increment(key) }
                key += 1
                if sketch.frequency(of: 7) != last || last == 0 {
                    last = sketch.frequency(of: 7)
                    halvings += last == 0 ? missed : 1
                }
            }
            let expected = missed > 3 ? 0 : 15 >> missed
            #expect(sketch.frequency(of: 7) == expected)
            sketch.increment(7)
            #expect(sketch.frequency(of: 7) == expected + 1)
        }
    }

    /// The page of a key in a sketch of two pages.
    private static func page(of key: UInt64) -> UInt64 {
        var spread = Chance(seed: key)
        return (spread.next() >> 32 & 255) >> 7
    }

    // MARK: Heavy entries

    /// A full cache of light entries.
    private static func full(_ capacity: Int) -> TinyLFU {
        var order = TinyLFU(capacity: capacity, chance: Chance(seed: 1))
        for place in 0..<capacity { _ = order.insert(place, hash: UInt64(place), weight: 1) }
        return order
    }

    @Test func `a heavy newcomer displaces a bounded number at once, and gets in when it comes again`() {
        var order = Self.full(100_000), most = 0, attempts = 0
        for _ in 0..<15 { order.missed(500_000) }
        repeat {
            let freed = order.insert(100_000, hash: 500_000, weight: 50_000)
            most = max(most, freed.count)
            attempts += 1
        } while order.segment(of: 100_000) == .none && attempts < 200
        #expect(most <= TinyLFU.reach + 1)
        #expect(order.segment(of: 100_000) == .probation && attempts > 40)
        #expect(order.weight <= 100_000)
    }

    @Test func `an entry that grows displaces a bounded number, or goes itself`() {
        var order = Self.full(100_000)
        order.touch(0)
        let freed = order.reweigh(0, to: 50_000)
        #expect(freed.count == TinyLFU.reach + 1 && freed.last == 0)
        #expect(order.weight == 99_999 - TinyLFU.reach)
        let few = order.reweigh(5000, to: 1500)
        #expect(few.count == 474 && order.segment(of: 5000) != .none, "\(few.count)")
    }

    @Test func `a heavy entry that is used sends a bounded number back, and is protected at last`() {
        var order = TinyLFU(capacity: 100_000, chance: Chance(seed: 1))
        for place in 0..<79_000 { _ = order.insert(place, hash: UInt64(place), weight: 1) }
        for place in 0..<77_000 { order.touch(place) }
        _ = order.insert(79_000, hash: 500_000, weight: 20_000)
        #expect(order.segment(of: 79_000) == .probation)
        var most = 0, uses = 0
        while order.segment(of: 79_000) == .probation, uses < 100 {
            let before = order.weights.protected
            order.touch(79_000)
            uses += 1
            if order.segment(of: 79_000) == .probation { most = max(most, before - order.weights.protected) }
            #expect(order.weights.protected <= order.protectedLimit)
        }
        #expect(order.segment(of: 79_000) == .protected && most == TinyLFU.reach && uses > 10)
    }

    @Test func `an entry as heavy as the window moves a bounded number out of it`() {
        var order = TinyLFU(capacity: 1_000_000, chance: Chance(seed: 1))
        for place in 0..<10_000 { _ = order.insert(place, hash: UInt64(place), weight: 1) }
        #expect(order.weights == (10_000, 0, 0))
        _ = order.insert(10_000, hash: 500_000, weight: 10_000)
        #expect(order.weights == (10_000 - TinyLFU.reach, 10_000 + TinyLFU.reach, 0))
    }

    // MARK: Everything at once

    @Test func `everything is forgotten by handing it over as it is`() throws {
        var machine = Cache<Int, Int>.StateMachine(CachePolicy(capacity: 5000), chance: Chance(seed: 1))
        for number in 0..<5000 { _ = machine.put(number, number, weight: 1, at: Instant()) }
        let entries = machine.entries.blocks
        _ = machine.takeDiscarded()
        #expect(machine.removeAll().isEmpty)
        let discarded = machine.takeDiscarded()
        #expect(discarded.entries.isEmpty)
        let kept = try #require(
            discarded.stores.compactMap { $0 as? Slots<Cache<Int, Int>.StateMachine.Entry?> }.first)
        #expect(Self.written(entries, kept.blocks) == 0, "they are handed over as they are")
        #expect((machine.counts.entries, machine.counts.weight) == (0, 0))
        for number in 0..<5000 { _ = machine.put(number, -number, weight: 1, at: Instant()) }
        #expect(machine.counts.entries == 5000 && machine.hit(4999, at: Instant()) == -4999)
    }

    @Test(.timeLimit(.minutes(1)))
    func `fifty thousand waiters of one load leave one by one, and the rest get its value in order`() throws {
        var machine = Cache<String, Int>.StateMachine(CachePolicy(), chance: Chance(seed: 1))
        guard case .begin(let start, let first) = machine.get("a", at: Instant()) else { throw Unexpected() }
        var waiters = [first]
        for _ in 0..<50_000 {
            guard case .join(let waiter) = machine.get("a", at: Instant()) else { throw Unexpected() }
            waiters.append(waiter)
        }
        let left = waiters.filter { $0 % 1000 != 0 }
        #expect(left.allSatisfy { machine.withdraw($0) == (true, nil) })
        #expect(machine.withdraw(left[9]) == (false, nil))
        let ending = machine.finish(start.flight, .value(1, weight: 1), at: Instant())
        #expect(ending?.waiters == waiters.filter { $0 % 1000 == 0 })
    }
}
