import ResilienceTesting
import Testing

@testable import Resilience

/// What broke in other caches.
@Suite struct CacheRegressionTests {
    typealias Fixture = CacheStateMachineTests

    @Test func `moka 59: a load that ends with its cancelled caller is begun anew for the next waiter`()
        throws
    {
        var machine = Fixture.machine()
        let (flight, leader) = try machine.begins("a", at: Fixture.at(0))
        let second = try machine.joins("a", at: Fixture.at(0))
        let third = try machine.joins("a", at: Fixture.at(0))
        #expect(machine.withdraw(leader) == (true, nil))
        let ending = try machine.ends(flight, .cancelled, at: Fixture.at(1))
        #expect(ending.waiters.isEmpty)
        let restart = try #require(ending.restart)
        #expect(restart.owner == second)
        let end = try machine.ends(restart.flight, .value("1", weight: 1), at: Fixture.at(2))
        #expect(end.waiters == [second, third])
        #expect(machine.hit("a", at: Fixture.at(2)) == "1")
        #expect((machine.counts.loads, machine.counts.loadFailures) == (2, 0))
    }

    @Test func `moka 240: whatever the order of cancellations, nobody waits for a load that is not there`()
        throws
    {
        var machine = Fixture.machine()
        let (flight, leader) = try machine.begins("a", at: Fixture.at(0))
        let waiter = try machine.joins("a", at: Fixture.at(0))
        #expect(machine.withdraw(waiter) == (true, nil))
        #expect(machine.withdraw(waiter) == (false, nil))
        #expect(machine.withdraw(leader) == (true, flight))
        #expect(machine.finish(flight, .cancelled, at: Fixture.at(1)) == nil)
        // The load was given up with its last waiter, so the next call begins another.
        let (second, owner) = try machine.begins("a", at: Fixture.at(1))
        let next = try machine.joins("a", at: Fixture.at(1))
        let handedOver = try machine.ends(second, .cancelled, at: Fixture.at(2))
        #expect(handedOver.waiters == [owner])
        #expect(throws: CancellationError.self) { try handedOver.delivery.get() }
        let third = try #require(handedOver.restart)
        #expect(machine.withdraw(next) == (true, third.flight))
        #expect(machine.counts.loading == 0)
    }

    @Test
    func `caffeine 1807: a failed refresh keeps the old value, and the next attempt waits for the pause`()
        throws
    {
        var machine = Fixture.machine { $0.pauseAfterFailure = .seconds(2) }
        _ = machine.put("a", "1", weight: 1, at: Fixture.at(0))
        let flight = try machine.refreshes("a", serving: "1", at: Fixture.at(60))
        _ = machine.finish(flight, .failure(Fixture.Down()), at: Fixture.at(61))
        #expect(try machine.serves("a", at: Fixture.at(62.999)) == Served("1", stale: true))
        let second = try machine.refreshes("a", serving: "1", at: Fixture.at(63))
        _ = machine.finish(second, .cancelled, at: Fixture.at(64))
        #expect(try machine.serves("a", at: Fixture.at(65.999)) == Served("1", stale: true))
        _ = try machine.refreshes("a", serving: "1", at: Fixture.at(66))
        #expect(machine.counts.loadFailures == 1)
    }

    @Test func `caffeine 373: a hung refresh ends with its entry`() throws {
        var machine = Fixture.machine()
        _ = machine.put("a", "1", weight: 1, at: Fixture.at(0))
        let hung = try machine.refreshes("a", serving: "1", at: Fixture.at(60))
        let early = try machine.joins("a", at: Fixture.at(89.999))
        #expect(machine.expire(hung, at: Fixture.at(89.999)) == nil)
        #expect(machine.peek("a", at: Fixture.at(90)) == nil)
        // Whoever comes now does not wait for it; who waits for it is taken along.
        guard case .begin(let start, let waiter) = machine.get("a", at: Fixture.at(90)) else {
            throw Unexpected()
        }
        #expect(start.replaces == hung)
        #expect(machine.finish(hung, .value("late", weight: 1), at: Fixture.at(91)) == nil)
        let ending = try machine.ends(start.flight, .value("2", weight: 1), at: Fixture.at(92))
        #expect(ending.waiters == [early, waiter])
        #expect(machine.hit("a", at: Fixture.at(92)) == "2")
    }

    @Test func `caffeine 373: a hung refresh that nobody asks about is given up, and its waiters load anew`()
        throws
    {
        var machine = Fixture.machine()
        for key in ["a", "b"] { _ = machine.put(key, "1", weight: 1, at: Fixture.at(0)) }
        let alone = try machine.refreshes("a", serving: "1", at: Fixture.at(60))
        let joined = try machine.refreshes("b", serving: "1", at: Fixture.at(60))
        let waiter = try machine.joins("b", at: Fixture.at(75))
        #expect(machine.expire(alone, at: Fixture.at(90))?.restart == nil)
        let restart = try machine.restarts(joined, at: Fixture.at(90))
        #expect((restart.owner, restart.replaces, restart.until) == (waiter, joined, nil))
        #expect(machine.counts.loading == 1)
        #expect(machine.counts.loadFailures == 2)
    }

    @Test func `moka 43: a load that failed spoils nothing for those who ask next`() throws {
        var machine = Fixture.machine { $0.staleIfError = .zero }
        let (flight, leader) = try machine.begins("a", at: Fixture.at(0))
        let waiter = try machine.joins("a", at: Fixture.at(0))
        let ending = try machine.ends(flight, .failure(Fixture.Down()), at: Fixture.at(1))
        #expect(ending.waiters == [leader, waiter] && !ending.isKept)
        #expect(throws: Fixture.Down.self) { try ending.delivery.get() }
        let (second, next) = try machine.begins("a", at: Fixture.at(1))
        #expect(try machine.ends(second, .value("1", weight: 1), at: Fixture.at(2)).waiters == [next])
        #expect(machine.hit("a", at: Fixture.at(2)) == "1")
    }

    @Test func `caffeine 175: a refresh that takes longer than an entry is fresh still replaces it`() throws {
        var machine = Fixture.machine {
            $0.freshFor = .seconds(1)
            $0.staleWhileRevalidate = .seconds(1000)
        }
        _ = machine.put("a", "1", weight: 1, at: Fixture.at(0))
        let flight = try machine.refreshes("a", serving: "1", at: Fixture.at(1))
        for second in 2..<8 {
            let served = try machine.serves("a", at: Fixture.at(Double(second)))
            #expect(served == Served("1", stale: true), "one refresh at a time")
        }
        #expect(try machine.ends(flight, .value("2", weight: 1), at: Fixture.at(8)).isKept)
        #expect(machine.hit("a", at: Fixture.at(8.999)) == "2", "its time begins when it came")
        let next = try machine.refreshes("a", serving: "2", at: Fixture.at(9))
        #expect(try machine.ends(next, .value("3", weight: 1), at: Fixture.at(99)).isKept)
        #expect(machine.hit("a", at: Fixture.at(99)) == "3")
    }

    @Test func `caffeine 212: a load that never ends keeps nothing alive beyond its time`() throws {
        var machine = Fixture.machine()
        _ = machine.put("a", "1", weight: 1, at: Fixture.at(0))
        let hung = try machine.refreshes("a", serving: "1", at: Fixture.at(60))
        #expect(machine.peek("a", at: Fixture.at(89.999))?.value == "1")
        #expect(machine.peek("a", at: Fixture.at(90)) == nil)
        let (second, waiter) = try replaced(hung, in: &machine, at: Fixture.at(91))
        #expect(try machine.ends(second, .value("2", weight: 1), at: Fixture.at(92)).waiters == [waiter])
        // The time of what came in the end begins with its coming, and it goes like any other.
        #expect(machine.hit("a", at: Fixture.at(151.999)) == "2")
        #expect(machine.hit("a", at: Fixture.at(152)) == nil)
        #expect(machine.peek("a", at: Fixture.at(182)) == nil)
        #expect(machine.counts.loading == 0)
    }

    private func replaced(
        _ flight: UInt64, in machine: inout Fixture.Machine, at now: Instant
    ) throws -> (flight: UInt64, waiter: UInt64) {
        guard case .begin(let start, let waiter) = machine.get("a", at: now), start.replaces == flight else {
            throw Unexpected()
        }
        return (start.flight, waiter)
    }
}
