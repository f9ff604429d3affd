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
}
