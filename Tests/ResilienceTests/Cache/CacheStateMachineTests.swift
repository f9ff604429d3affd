import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct CacheStateMachineTests {
    typealias Machine = Cache<String, String>.StateMachine

    struct Down: Error {}
    struct NotFound: Error {}

    static func machine(_ change: (inout CachePolicy) -> Void = { _ in }) -> Machine {
        var policy = CachePolicy(
            capacity: 100, freshFor: .seconds(60), staleWhileRevalidate: .seconds(10),
            staleIfError: .seconds(30))
        policy.jitter = 0
        change(&policy)
        return Machine(policy, chance: Chance(seed: 1))
    }

    static func at(_ seconds: Double) -> Instant { Instant(sinceOrigin: .milliseconds(seconds * 1000)) }

    // MARK: Ages

    @Test(arguments: [
        (0, CacheAge.fresh), (59.999, .fresh), (60, .revalidate), (69.999, .revalidate), (70, .ifError),
        (89.999, .ifError), (90, .gone), (1e9, .gone),
    ])
    func `an entry changes its state at the exact moment`(seconds: Double, age: CacheAge) {
        var machine = Self.machine()
        _ = machine.put("a", "1", weight: 1, at: Self.at(0))
        #expect(machine.age("a", at: Self.at(seconds)) == age)
        #expect((machine.peek("a", at: Self.at(seconds)) == nil) == (age == .gone))
        #expect(machine.peek("a", at: Self.at(seconds))?.isStale ?? true == (age != .fresh))
    }

    @Test(arguments: [
        (Duration.seconds(40), Duration.seconds(30), 99.999, CacheAge.revalidate),
        (.seconds(40), .seconds(30), 100, .gone),
        (.zero, .seconds(30), 60, .ifError), (.zero, .zero, 60, .gone),
    ])
    func `either window may be the longer one or missing`(
        revalidate: Duration, ifError: Duration, seconds: Double, age: CacheAge
    ) {
        var machine = Self.machine { ($0.staleWhileRevalidate, $0.staleIfError) = (revalidate, ifError) }
        _ = machine.put("a", "1", weight: 1, at: Self.at(0))
        #expect(machine.age("a", at: Self.at(seconds)) == age)
    }

    @Test func `jitter spreads the ends of entries over a tenth in both directions`() {
        var machine = Self.machine {
            ($0.jitter, $0.staleWhileRevalidate, $0.staleIfError) = (0.1, .zero, .zero)
            $0.capacity = 1000
        }
        for key in 0..<1000 { _ = machine.put("\(key)", "", weight: 1, at: Self.at(0)) }
        func fresh(_ seconds: Double) -> Int {
            (0..<1000).count { machine.age("\($0)", at: Self.at(seconds)) == .fresh }
        }
        #expect(fresh(53.999) == 1000)
        #expect((400..<600).contains(fresh(60)))
        #expect((50..<150).contains(fresh(65)) && fresh(55) < 1000)
        #expect(fresh(66) == 0)
    }

    @Test func `an empty text, a zero and nil are hits`() {
        var texts = Self.machine()
        _ = texts.put("a", "", weight: 1, at: Self.at(0))
        #expect(texts.hit("a", at: Self.at(1))?.isEmpty == true)
        var numbers = Cache<String, Int?>.StateMachine(CachePolicy(), chance: Chance(seed: 1))
        _ = numbers.put("zero", 0, weight: 1, at: Self.at(0))
        _ = numbers.put("nil", nil, weight: 1, at: Self.at(0))
        #expect(numbers.hit("zero", at: Self.at(1)) == .some(0))
        #expect(numbers.hit("nil", at: Self.at(1)) == .some(nil))
        #expect(numbers.counts.hits == 2)
    }

    // MARK: Loads

    @Test func `a miss begins one load, which the next calls join, and its value goes to all`() throws {
        var machine = Self.machine()
        let (flight, first) = try machine.begins("a", at: Self.at(0))
        let second = try machine.joins("a", at: Self.at(1))
        let ending = try machine.ends(flight, .value("1", weight: 1), at: Self.at(2))
        #expect(ending.waiters == [first, second])
        #expect(try ending.delivery.get().value == "1")
        #expect(machine.hit("a", at: Self.at(61.999)) == "1")
        #expect(machine.hit("a", at: Self.at(62)) == nil)
        #expect((machine.counts.misses, machine.counts.loads, machine.counts.hits) == (2, 1, 1))
    }

    @Test func `a failed load goes to all who wait, and the next call loads at once`() throws {
        var machine = Self.machine()
        let (flight, first) = try machine.begins("a", at: Self.at(0))
        let ending = try machine.ends(flight, .failure(Down()), at: Self.at(1))
        #expect(ending.waiters == [first])
        #expect(throws: Down.self) { try ending.delivery.get() }
        _ = try machine.begins("a", at: Self.at(1))
        #expect(machine.counts.loadFailures == 1)
    }

    @Test func `an old value is served while one load in the background replaces it`() throws {
        var machine = Self.machine()
        _ = machine.put("a", "1", weight: 1, at: Self.at(0))
        let flight = try machine.refreshes("a", serving: "1", at: Self.at(60))
        #expect(try machine.serves("a", at: Self.at(61)) == .init("1", stale: true))
        let ending = try machine.ends(flight, .value("2", weight: 1), at: Self.at(62))
        #expect(ending.waiters.isEmpty && ending.isKept)
        #expect(try machine.serves("a", at: Self.at(121.999)) == .init("2", stale: false))
        #expect(machine.age("a", at: Self.at(122)) == .revalidate)
        #expect((machine.counts.staleServed, machine.counts.loads) == (2, 1))
    }

    @Test func `a refresh goes on when the last of those who joined it leaves`() throws {
        var machine = Self.machine()
        _ = machine.put("a", "1", weight: 1, at: Self.at(0))
        let flight = try machine.refreshes("a", serving: "1", at: Self.at(69))
        let waiter = try machine.joins("a", at: Self.at(70))
        #expect(machine.withdraw(waiter) == (true, nil))
        #expect(try machine.ends(flight, .value("2", weight: 1), at: Self.at(71)).isKept)
        #expect(machine.hit("a", at: Self.at(71)) == "2")
    }

    @Test func `past the first window a call loads first and gets the old value only if that fails`() throws {
        var machine = Self.machine()
        _ = machine.put("a", "1", weight: 1, at: Self.at(0))
        let (flight, waiter) = try machine.begins("a", at: Self.at(70))
        let ending = try machine.ends(flight, .failure(Down()), at: Self.at(71))
        #expect(ending.waiters == [waiter])
        let answer = try ending.delivery.get()
        #expect(answer.value == "1" && answer.isStale)
        // The next attempt waits for the pause of a second; until then the old value is served at once.
        #expect(try machine.serves("a", at: Self.at(71.999)) == .init("1", stale: true))
        let (second, _) = try machine.begins("a", at: Self.at(72))
        #expect(
            try machine.finish(second, .value("2", weight: 1), at: Self.at(73))?.delivery.get().value == "2")
        #expect(try machine.serves("a", at: Self.at(74)) == .init("2", stale: false))
    }

    @Test(arguments: [(89.999, true), (90, false)])
    func `a load that fails when the old value is gone fails the call`(failedAt: Double, served: Bool) throws
    {
        var machine = Self.machine()
        _ = machine.put("a", "1", weight: 1, at: Self.at(0))
        let (flight, _) = try machine.begins("a", at: Self.at(80))
        let ending = try machine.ends(flight, .failure(Down()), at: Self.at(failedAt))
        #expect((try? ending.delivery.get())?.value == (served ? "1" : nil))
    }

    @Test func `above the limit of loads a call loads alone and a refresh is put off`() throws {
        var machine = Self.machine { $0.maximumLoads = 1 }
        _ = machine.put("old", "1", weight: 1, at: Self.at(0))
        let (flight, _) = try machine.begins("a", at: Self.at(60))
        guard case .alone = machine.get("b", at: Self.at(60)) else { throw Unexpected() }
        _ = try machine.joins("a", at: Self.at(60))
        #expect(try machine.serves("old", at: Self.at(60)) == .init("1", stale: true))
        guard case .alone = machine.get("old", at: Self.at(70)) else { throw Unexpected() }
        #expect(machine.fallback("old", at: Self.at(70))?.value == "1")
        _ = machine.finish(flight, .value("2", weight: 1), at: Self.at(71))
        _ = try machine.begins("b", at: Self.at(71))
    }

    // MARK: Errors that are remembered

    @Test func `a named error is thrown again until exactly its time`() throws {
        var machine = Self.machine { $0.errorsFor = .seconds(5) }
        let (flight, _) = try machine.begins("a", at: Self.at(0))
        _ = machine.finish(flight, .failure(NotFound(), remember: true), at: Self.at(1))
        guard case .fail(let error) = machine.get("a", at: Self.at(5.999)) else { throw Unexpected() }
        #expect(error is NotFound)
        #expect(machine.hit("a", at: Self.at(2)) == nil && machine.peek("a", at: Self.at(2)) == nil)
        let (second, _) = try machine.begins("a", at: Self.at(6))
        _ = machine.finish(second, .value("1", weight: 1), at: Self.at(6))
        #expect(try machine.serves("a", at: Self.at(7)) == .init("1", stale: false))
    }

    @Test func `a named error never takes the place of a value that may be served`() throws {
        var machine = Self.machine()
        _ = machine.put("a", "1", weight: 1, at: Self.at(0))
        let flight = try machine.refreshes("a", serving: "1", at: Self.at(60))
        _ = machine.finish(flight, .failure(NotFound(), remember: true), at: Self.at(61))
        #expect(try machine.serves("a", at: Self.at(61)) == .init("1", stale: true))
    }

    // MARK: By hand

    @Test func `what is removed or put while it loads is not replaced by the load`() throws {
        var machine = Self.machine()
        let (flight, waiter) = try machine.begins("a", at: Self.at(0))
        #expect(machine.remove("a") == nil)
        let (other, _) = try machine.begins("a", at: Self.at(1))
        let late = try machine.ends(flight, .value("old", weight: 1), at: Self.at(2))
        #expect(late.waiters == [waiter] && !late.isKept)
        #expect(machine.peek("a", at: Self.at(2)) == nil)
        #expect(machine.put("a", "by hand", weight: 1, at: Self.at(3)) == nil)
        _ = machine.finish(other, .value("loaded", weight: 1), at: Self.at(4))
        #expect(machine.peek("a", at: Self.at(4))?.value == "by hand")
    }

    @Test func `a refresh that nobody wants any more is named, so that it can be cancelled`() throws {
        var machine = Self.machine()
        for key in ["a", "b"] { _ = machine.put(key, "1", weight: 1, at: Self.at(0)) }
        let first = try machine.refreshes("a", serving: "1", at: Self.at(60))
        let second = try machine.refreshes("b", serving: "1", at: Self.at(60))
        #expect(machine.remove("a") == first)
        #expect(machine.removeAll() == [second])
        #expect((machine.counts.entries, machine.counts.weight, machine.counts.loading) == (0, 0, 0))
        #expect(machine.finish(first, .value("2", weight: 1), at: Self.at(61)) == nil)
    }

    @Test func `a refresh parted from its key ends with the last who waits for it`() throws {
        var machine = Self.machine()
        _ = machine.put("a", "1", weight: 1, at: Self.at(0))
        let flight = try machine.refreshes("a", serving: "1", at: Self.at(60))
        let first = try machine.joins("a", at: Self.at(75)), second = try machine.joins("a", at: Self.at(75))
        #expect(machine.remove("a") == nil, "somebody waits for it")
        #expect(machine.withdraw(first) == (true, nil))
        #expect(machine.withdraw(second) == (true, flight))
        #expect(machine.counts.loading == 0)
    }

    // MARK: Weights

    @Test func `weights never exceed the capacity, and an entry heavier than all is not kept`() {
        var machine = Self.machine()
        for (key, weight) in [("a", 60), ("b", 30), ("c", 101), ("d", Int.max), ("e", 0), ("f", -5)] {
            _ = machine.put(key, "", weight: weight, at: Self.at(0))
            #expect(machine.counts.weight <= 100)
        }
        #expect(machine.counts.weight == 92)
        #expect(machine.counts.rejectedAdmissions == 2)
        _ = machine.put("b", "", weight: 41, at: Self.at(0))
        #expect(machine.counts.weight <= 100 && machine.peek("b", at: Self.at(0)) != nil)
        _ = machine.put("b", "", weight: 101, at: Self.at(0))
        #expect(machine.peek("b", at: Self.at(0)) == nil)
    }

    @Test func `entries that are gone are swept while others come`() {
        var machine = Self.machine()
        for key in 0..<50 { _ = machine.put("old \(key)", "", weight: 1, at: Self.at(0)) }
        for key in 0..<50 { _ = machine.put("new \(key)", "", weight: 1, at: Self.at(90)) }
        #expect(machine.counts.entries == 50)
        #expect(machine.counts.evictions == 0)
    }
}

/// The machine answered otherwise than the test expects.
struct Unexpected: Error {}

struct Served: Equatable {
    var value: String
    var stale: Bool
    init(_ value: String, stale: Bool) { (self.value, self.stale) = (value, stale) }
}

extension Cache<String, String>.StateMachine {
    mutating func begins(_ key: String, at now: Instant) throws -> (flight: UInt64, waiter: UInt64) {
        guard case .begin(let start, let waiter) = get(key, at: now), start.owner == waiter else {
            throw Unexpected()
        }
        return (start.flight, waiter)
    }

    mutating func joins(_ key: String, at now: Instant) throws -> UInt64 {
        guard case .join(let waiter) = get(key, at: now) else { throw Unexpected() }
        return waiter
    }

    mutating func refreshes(_ key: String, serving value: String, at now: Instant) throws -> UInt64 {
        guard case .refresh(let answer, let start) = get(key, at: now), answer.value == value, answer.isStale
        else { throw Unexpected() }
        return start.flight
    }

    mutating func ends(
        _ flight: UInt64, _ outcome: Cache<String, String>.Outcome, at now: Instant
    ) throws -> Cache<String, String>.Ending {
        guard let ending = finish(flight, outcome, at: now) else { throw Unexpected() }
        return ending
    }

    mutating func restarts(_ flight: UInt64, at now: Instant) throws -> Cache<String, String>.Start {
        guard let start = expire(flight, at: now)?.restart else { throw Unexpected() }
        return start
    }

    mutating func serves(_ key: String, at now: Instant) throws -> Served {
        guard case .serve(let answer) = get(key, at: now) else { throw Unexpected() }
        return Served(answer.value, stale: answer.isStale)
    }
}
