import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite struct TimerQueueTests {
    private typealias Timers = TimerQueue.StateMachine<Int>

    private static func at(_ seconds: Int) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    // MARK: Decisions

    @Test func `timers fall due in the order of their moments, whatever the order in which they were set`() {
        for seed in 0..<200 {
            var chance = Chance(seed: UInt64(seed)), timers = Timers(), model: [Int: Int] = [:]
            var tickets: [Int: Timers.Ticket] = [:]
            for number in 0..<60 {
                if chance.unit() < 0.3, let victim = model.keys.sorted().randomElement(using: &chance) {
                    if let ticket = tickets[victim] { timers.remove(ticket) }
                    model[victim] = nil
                }
                model[number] = Int(chance.unit() * 20)
                tickets[number] = timers.set(number, at: Self.at(model[number] ?? 0)).ticket
                if chance.unit() < 0.1 {
                    let now = Int(chance.unit() * 10)
                    while let (due, dueAt) = timers.takeDue(at: Self.at(now)) {
                        #expect(model[due].map(Self.at) == dueAt, "seed \(seed)")
                        #expect((model.removeValue(forKey: due) ?? .max) <= now, "seed \(seed)")
                    }
                    #expect(!model.values.contains { $0 <= now }, "seed \(seed)")
                }
            }
            var last = 0
            while let (due, _) = timers.takeDue(at: Self.at(100)) {
                let moment = model.removeValue(forKey: due) ?? -1
                #expect(moment >= last, "seed \(seed)")
                last = moment
            }
            #expect(model.isEmpty && timers.count == 0, "seed \(seed)")
        }
    }

    @Test func `the ticket of a timer that has gone does not take out the one in its place`() {
        var timers = Timers()
        let (old, _) = timers.set(1, at: Self.at(1))
        timers.remove(old)
        _ = timers.set(2, at: Self.at(2))
        timers.remove(old)
        #expect(timers.takeDue(at: Self.at(2))?.element == 2)
    }

    @Test func `a sleeper is needed for the first timer and for one that is due before it wakes`() {
        var timers = Timers()
        #expect(timers.set(1, at: Self.at(10)).needsSleeper)
        #expect(!timers.set(2, at: Self.at(11)).needsSleeper)
        #expect(timers.set(3, at: Self.at(5)).needsSleeper)
        #expect(timers.sleepOn(1) == nil)
        #expect(timers.takeDue(at: Self.at(5))?.element == 3)
        #expect(timers.sleepOn(2) == Self.at(10))
        #expect(timers.takeDue(at: Self.at(11))?.element == 1)
        #expect(timers.takeDue(at: Self.at(11))?.element == 2)
        #expect(timers.sleepOn(2) == nil)
        #expect(timers.set(4, at: Self.at(12)).needsSleeper)
    }

    // MARK: The queue

    private final class Bell: Alarm {
        let rings = Atomic<Int>(0)
        func ring(dueAt: Instant) { rings.add(1, ordering: .relaxed) }
    }

    @Test func `an alarm rings once at its moment, and not when it was called off`() async throws {
        let clock = VirtualClock(), queue = TimerQueue(time: TimeSource(clock), spawner: .tasks)
        let bell = Bell(), silent = Bell()
        // Were the silent one to ring, it would do so before the other.
        let silentTicket = queue.set(silent, at: Self.at(2))
        _ = queue.set(bell, at: Self.at(2))
        queue.cancel(silentTicket)
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        #expect(clock.nextDeadline == Self.at(2), "nobody is woken before")
        clock.advance(by: .seconds(1))
        await until { bell.rings.load(ordering: .relaxed) > 0 }
        clock.advance(by: .seconds(9))
        #expect(bell.rings.load(ordering: .relaxed) == 1 && silent.rings.load(ordering: .relaxed) == 0)
    }

    @Test func `one task sleeps for many timers and ends when none is left`() async throws {
        let clock = VirtualClock(), spawned = Recorder<Void>()
        let spawner = Spawner { work in
            spawned.record(())
            return Spawner.tasks.spawn(work)
        }
        let queue = TimerQueue(time: TimeSource(clock), spawner: spawner)
        for _ in 0..<100 { queue.cancel(queue.set(Bell(), at: Self.at(2))) }
        await clock.untilSleepers(1)
        #expect(spawned.events.count == 1)
        clock.advance(by: .seconds(2))
        await until { clock.sleepers == 0 }
    }

    @Test func `a sleeper that wakes too late for a new timer is replaced`() async throws {
        let clock = VirtualClock(), queue = TimerQueue(time: TimeSource(clock), spawner: .tasks)
        let far = Bell(), near = Bell()
        _ = queue.set(far, at: Self.at(3600))
        for second in 1...50 {
            _ = queue.set(near, at: Self.at(second))
            await clock.untilSleepers(1)
            await until { clock.sleepers == 1 }
            clock.advance(by: .seconds(1))
            await until { near.rings.load(ordering: .relaxed) >= second }
        }
        await until { clock.sleepers == 1 }
        clock.advance(by: .seconds(3600))
        await until { far.rings.load(ordering: .relaxed) >= 1 }
    }
}
