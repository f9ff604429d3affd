import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite struct TimerQueueTests {
    private typealias Timers = TimerQueue.StateMachine<Int, Instant>

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

    @Test func `timers of one moment fall due in the order in which they were set`() {
        var timers = Timers()
        // The first stands in the list, and all others are due before it.
        for (number, second) in [9, 3, 3, 2, 3, 9, 2].enumerated() {
            _ = timers.set(number, at: Self.at(second))
        }
        var order: [Int] = []
        while let due = timers.takeDue(at: Self.at(9)) { order.append(due.element) }
        #expect(order == [3, 6, 1, 2, 4, 0, 5])
    }

    /// A moment that counts how often it is compared.
    private struct Counted: Comparable, Sendable {
        @TaskLocal static var comparisons = Book(0)
        let moment: Int

        static func < (left: Counted, right: Counted) -> Bool {
            comparisons { $0 += 1 }
            return left.moment < right.moment
        }

        static func == (left: Counted, right: Counted) -> Bool {
            comparisons { $0 += 1 }
            return left.moment == right.moment
        }
    }

    private typealias CountedTimers = TimerQueue.StateMachine<Int, Counted>

    /// The most comparisons that setting a timer costs, and the most that taking one out does, with up to `size` of them.
    private func costs(of size: Int, mixed: Bool) -> (set: Int, remove: Int) {
        let comparisons = Book(0)
        return Counted.$comparisons.withValue(comparisons) {
            var chance = Chance(seed: 7), most = (set: 0, remove: 0)
            var timers = CountedTimers(), tickets: [CountedTimers.Ticket] = []
            for number in 0..<size {
                let moment = Counted(moment: mixed ? Int(chance.next() % 1_000_000) : number)
                comparisons { $0 = 0 }
                tickets.append(timers.set(number, at: moment).ticket)
                most.set = max(most.set, comparisons { $0 })
            }
            for ticket in tickets.shuffled(using: &chance) {
                comparisons { $0 = 0 }
                timers.remove(ticket)
                most.remove = max(most.remove, comparisons { $0 })
            }
            return most
        }
    }

    @Test func `with mixed limits a timer costs a few steps more when there are eight times as many`() {
        let few = costs(of: 1000, mixed: true), many = costs(of: 8000, mixed: true)
        // Two comparisons a level on the way up, four on the way down, and three levels more.
        #expect(many.set <= few.set + 3 * 2 + 2 && many.set <= 2 * 13 + 2, "\(few) \(many)")
        #expect(many.remove <= few.remove + 3 * 4 + 4 && many.remove <= 4 * 13 + 4, "\(few) \(many)")
    }

    @Test func `with equal limits a timer costs the same however many there are`() {
        for size in [10, 1000, 8000] {
            let costs = costs(of: size, mixed: false)
            #expect(costs.set <= 2 && costs.remove == 0, "\(size): \(costs)")
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

    @Test func `a sleeper that fails is replaced, and when its replacement fails what waits is rung`() throws
    {
        var timers = Timers()
        _ = timers.set(1, at: Self.at(10))
        _ = timers.set(2, at: Self.at(5))
        // That of another sleeper, which nobody relies on any more.
        guard case .nothing = timers.sleeperFailed(1) else { throw Unexpected() }
        guard case .sleeper(3, Self.at(5)) = timers.sleeperFailed(2) else { throw Unexpected() }
        // A replacement that wakes is as good as any.
        #expect(timers.takeDue(at: Self.at(5))?.element == 2)
        #expect(timers.sleepOn(3) == Self.at(10))
        guard case .sleeper(4, Self.at(10)) = timers.sleeperFailed(3) else { throw Unexpected() }
        _ = timers.set(3, at: Self.at(11))
        guard case .ring(let due) = timers.sleeperFailed(4) else { throw Unexpected() }
        #expect(due.map { $0.element } == [1, 3] && due.map { $0.dueAt } == [Self.at(10), Self.at(11)])
        #expect(timers.count == 0)
        #expect(timers.set(4, at: Self.at(99)).needsSleeper)
    }

    @Test func `a sleeper that fails when no timer is left is not replaced before one is set`() throws {
        var timers = Timers()
        timers.remove(timers.set(1, at: Self.at(10)).ticket)
        guard case .nothing = timers.sleeperFailed(1) else { throw Unexpected() }
        #expect(timers.set(2, at: Self.at(20)).needsSleeper)
    }

    private struct Unexpected: Error {}

    // MARK: The queue

    private final class Bell: Alarm {
        let rings = Atomic<Int>(0)
        func ring(dueAt: Instant, spawner: Spawner) { rings.add(1, ordering: .relaxed) }
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

    /// Sleeps on a virtual clock, but throws at once the first few times.
    private struct BrokenClock: Clock {
        struct Broken: Error {}
        let base = VirtualClock(), failures: Book<Int>
        var now: Instant { base.now }
        var minimumResolution: Duration { .nanoseconds(1) }

        func sleep(until deadline: Instant, tolerance: Duration?) async throws {
            let fails = failures { left in
                left -= 1
                return left >= 0
            }
            if fails { throw Broken() }
            try await base.sleep(until: deadline)
        }
    }

    @Test(arguments: [1, 2])
    func `a clock that fails loses no timer`(failures: Int) async {
        let clock = BrokenClock(failures: Book(failures)), bell = Bell()
        let queue = TimerQueue(time: TimeSource(clock), spawner: .tasks)
        _ = queue.set(bell, at: Self.at(2))
        if failures == 1 {
            await clock.base.untilSleepers(1)
            clock.base.advance(by: .seconds(2))
        }
        await until { bell.rings.load(ordering: .relaxed) == 1 }
        // Nor those that are set later.
        _ = queue.set(bell, at: Self.at(4))
        await clock.base.untilSleepers(1)
        clock.base.advance(by: .seconds(4))
        await until { bell.rings.load(ordering: .relaxed) == 2 }
    }

    @Test func `a sleeper whose task is cancelled from outside loses no timer`() async {
        let clock = VirtualClock(), bell = Bell(), spawned = Recorder<Spawner.Spawned>()
        let spawner = Spawner { work in
            let work = Spawner.tasks.spawn(work)
            spawned.record(work)
            return work
        }
        let queue = TimerQueue(time: TimeSource(clock), spawner: spawner)
        _ = queue.set(bell, at: Self.at(2))
        await clock.untilSleepers(1)
        spawned.events.first?.cancel()
        await until { spawned.events.count == 2 && clock.sleepers == 1 }
        clock.advance(by: .seconds(2))
        await until { bell.rings.load(ordering: .relaxed) == 1 }
    }
}
