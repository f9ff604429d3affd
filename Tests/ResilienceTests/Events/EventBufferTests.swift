import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite(.timeLimit(.minutes(1))) struct EventBufferTests {
    private typealias Counts = EventBuffer<Int>.Counts

    /// Runs `work` on as many tasks.
    private func onTasks(_ count: Int, _ work: @escaping @Sendable (Int) async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<count { group.addTask { await work(number) } }
        }
    }

    /// Reads until the end.
    private func all<Event>(_ buffer: EventBuffer<Event>) async -> [Event] {
        var events: [Event] = []
        for await event in buffer { events.append(event) }
        return events
    }

    /// A task that waits for an event; returns when it does.
    private func waitingReader<Event>(_ buffer: EventBuffer<Event>) async -> Task<Event?, Never> {
        let before = buffer.readers
        let reader = Task { await buffer.next() }
        await until { buffer.readers > before }
        return reader
    }

    // MARK: Room

    @Test func `events come out in the order in which they were recorded`() {
        let buffer = EventBuffer<Int>(capacity: 10)
        for number in 1...4 { buffer.record(number) }
        #expect(buffer.counts == Counts(recorded: 4, dropped: 0, waiting: 4))
        #expect(buffer.drain() == [1, 2, 3, 4])
        #expect(buffer.drain().isEmpty)
        #expect(buffer.counts == Counts(recorded: 4, dropped: 0, waiting: 0))
    }

    @Test func `a full buffer drops the oldest events and counts them`() {
        let buffer = EventBuffer<Int>(capacity: 3)
        for number in 1...8 { buffer.record(number) }
        #expect(buffer.counts == Counts(recorded: 8, dropped: 5, waiting: 3))
        #expect(buffer.drain() == [6, 7, 8])
    }

    @Test(arguments: [(0, 1), (-5, 1), (7, 7), (Int.max, 1 << 20)])
    func `a capacity out of its range counts as the nearest`(given: Int, held: Int) {
        #expect(EventBuffer<Bool>(capacity: given).capacity == held)
    }

    @Test func `the ring gives back what was put in, wherever it begins`() {
        var chance = Chance(seed: 11), ring = EventRing<Int>(capacity: 5), model: [Int] = []
        for number in 0..<2000 {
            if chance.unit() < 0.6 {
                let dropped = ring.push(number)
                model.append(number)
                #expect(dropped == (model.count > 5 ? model.removeFirst() : nil))
            } else {
                #expect(ring.pop() == (model.isEmpty ? nil : model.removeFirst()))
            }
            #expect(ring.events == model && ring.count == model.count)
        }
    }

    @Test func `events that are not wanted take no room`() {
        let buffer = EventBuffer<Int>(capacity: 2) { $0 % 2 == 0 }
        for number in 1...5 { buffer.record(number) }
        #expect(buffer.counts == Counts(recorded: 2, dropped: 0, waiting: 2))
        #expect(buffer.drain() == [2, 4])
    }

    /// An event whose end is seen.
    private final class Mortal: Sendable {
        let onEnd: @Sendable () -> Void

        init(_ onEnd: @escaping @Sendable () -> Void) { self.onEnd = onEnd }

        deinit { onEnd() }
    }

    @Test func `the end of a dropped event may use the buffer`() {
        let buffer = EventBuffer<Mortal>(capacity: 1), waiting = Recorder<Int>()
        for _ in 0..<3 { buffer.record(Mortal { waiting.record(buffer.counts.waiting) }) }
        #expect(waiting.events == [1, 1])
        #expect(buffer.drain().count == 1)
    }

    @Test func `events that were read are not kept alive`() async {
        let buffer = EventBuffer<Mortal>(capacity: 4), ends = Recorder<Int>()
        for number in 0..<3 { buffer.record(Mortal { ends.record(number) }) }
        _ = await buffer.next()
        #expect(ends.events == [0])
        _ = buffer.drain()
        #expect(ends.events.count == 3)
    }

    // MARK: Many writers

    @Test func `many recorders lose nothing below the capacity`() async {
        let buffer = EventBuffer<Int>(capacity: 8000)
        await onTasks(8) { task in
            for number in 0..<1000 { buffer.record(task * 1000 + number) }
        }
        #expect(buffer.counts == Counts(recorded: 8000, dropped: 0, waiting: 8000))
        let events = buffer.drain()
        #expect(events.sorted() == Array(0..<8000))
        for task in 0..<8 {
            let own = events.filter { $0 / 1000 == task }
            #expect(own == own.sorted(), "the order of one task's events")
        }
    }

    @Test func `above the capacity every event is either kept or counted as dropped`() async {
        let buffer = EventBuffer<Int>(capacity: 100)
        await onTasks(8) { task in
            for number in 0..<1000 {
                buffer.record(task * 1000 + number)
                if number % 100 == 0 { #expect(buffer.counts.waiting <= 100) }
            }
        }
        #expect(buffer.counts == Counts(recorded: 8000, dropped: 7900, waiting: 100))
        #expect(Set(buffer.drain()).count == 100)
    }

    @Test func `recorders do not wait for a reader who never comes back`() async {
        let buffer = EventBuffer<Int>(capacity: 4), isStuck = Mutex(true)
        buffer.record(0)
        let reader = Task {
            for await _ in buffer { await until { !isStuck.withLock { $0 } } }
        }
        await until { buffer.counts.waiting == 0 }
        for number in 1...10_000 { buffer.record(number) }
        #expect(buffer.counts == Counts(recorded: 10_001, dropped: 9996, waiting: 4))
        isStuck.withLock { $0 = false }
        buffer.finish()
        await reader.value
    }

    // MARK: Readers

    @Test func `a reader gets what is there and then waits for more`() async {
        let buffer = EventBuffer<Int>()
        buffer.record(1)
        #expect(await buffer.next() == 1)
        let reader = await waitingReader(buffer)
        buffer.record(2)
        #expect(await reader.value == 2)
        #expect(buffer.counts == Counts(recorded: 2, dropped: 0, waiting: 0))
    }

    @Test func `after the end readers get what is left, and nothing more is taken in`() async {
        let buffer = EventBuffer<Int>()
        buffer.record(1)
        buffer.record(2)
        buffer.finish()
        buffer.record(3)
        buffer.finish()
        #expect(await all(buffer) == [1, 2])
        #expect(await buffer.next() == nil)
        #expect(buffer.counts == Counts(recorded: 3, dropped: 1, waiting: 0))
    }

    @Test func `the end wakes every reader that waits`() async {
        let buffer = EventBuffer<Int>()
        let readers = [await waitingReader(buffer), await waitingReader(buffer)]
        buffer.finish()
        for reader in readers { #expect(await reader.value == nil) }
    }

    @Test func `a cancelled reader ends, and the next event goes to another`() async {
        let buffer = EventBuffer<Int>()
        let cancelled = await waitingReader(buffer), other = await waitingReader(buffer)
        cancelled.cancel()
        #expect(await cancelled.value == nil)
        #expect(buffer.readers == 1)
        buffer.record(7)
        #expect(await other.value == 7)
    }

    @Test func `a reader that was cancelled before does not wait, and takes nothing with it`() async {
        let buffer = EventBuffer<Int>()
        let reader = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await buffer.next()
        }
        #expect(await reader.value == nil)
        buffer.record(1)
        let other = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await buffer.next()
        }
        #expect(await other.value == nil)
        #expect(buffer.drain() == [1])
    }

    @Test func `of several readers each event goes to one`() async {
        let buffer = EventBuffer<Int>(capacity: 10_000), seen = Recorder<Int>()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { for await event in buffer { seen.record(event) } } }
            await onTasks(4) { task in
                for number in 0..<500 {
                    buffer.record(task * 500 + number)
                    if number % 7 == 0 { await Task.yield() }
                }
            }
            buffer.finish()
        }
        #expect(seen.events.sorted() == Array(0..<2000))
    }

    @Test func `readers that are cancelled at random lose no event`() async {
        let buffer = EventBuffer<Int>(capacity: 10_000), seen = Recorder<Int>()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let reader = Task { if let event = await buffer.next() { seen.record(event) } }
                    for _ in 0..<number % 5 { await Task.yield() }
                    if number % 3 == 0 { reader.cancel() }
                    await reader.value
                }
            }
            await onTasks(3) { task in
                for number in 0..<200 {
                    buffer.record(task * 200 + number)
                    await Task.yield()
                }
            }
            buffer.finish()
        }
        #expect((seen.events + buffer.drain()).sorted() == Array(0..<600))
        #expect(buffer.counts.dropped == 0 && buffer.readers == 0)
    }

    @MainActor @Test func `a reader on an actor stays there`() async {
        let buffer = EventBuffer<Int>()
        for number in 1...3 { buffer.record(number) }
        buffer.finish()
        final class Sum { var value = 0 }
        let sum = Sum()
        for await event in buffer {
            MainActor.assertIsolated()
            sum.value += event
        }
        #expect(sum.value == 6)
    }

    // MARK: Severities

    @Test func `severities are ordered by how much they trouble`() {
        let mixed: [EventSeverity] = [.error, .debug, .warning, .information]
        #expect(mixed.sorted() == [.debug, .information, .warning, .error])
    }

    @Test func `one buffer takes the events of several strategies, from a severity on`() async throws {
        let clock = VirtualClock(), events = EventBuffer<any ResilienceEvent>(from: .information)
        let time = TimeSource(clock)
        let cache = Cache<String, Int>("cache", time: time, onEvent: events.record)
        let bulkhead = Bulkhead("bulkhead", policy: BulkheadPolicy(limit: 1), onEvent: events.record)
        let breaker = CircuitBreaker("breaker", time: time, onEvent: events.record)
        #expect(try await cache.value(for: "a") { _ in 1 } == 1)
        let place = try bulkhead.tryEnter()
        #expect(throws: Rejection.self) { _ = try bulkhead.tryEnter() }
        _ = consume place
        breaker.open()
        #expect(
            events.drain().map { "\($0.strategy) \($0.kind) \($0.severity.rawValue)" }
                == ["bulkhead bulkhead_rejected warning", "breaker circuit_opened error"])
    }
}
