import ResilienceTesting
import Testing

@testable import Resilience

@Suite(.timeLimit(.minutes(1))) struct VirtualClockTests {
    private let clock = VirtualClock()

    private static func at(_ seconds: Int) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    @Test func `sleepers wake by their deadlines, and equal ones in the order in which they fell asleep`() {
        let executor = SteppedExecutor(), clock = clock, woken = Recorder<Int>(),
            moments = Recorder<Duration>()
        for number in 0..<20 {
            Task(executorPreference: executor) {
                try await clock.sleep(until: Self.at(2 - number % 2))
                woken.record(number)
                moments.record(clock.now.sinceOrigin)
            }
        }
        while executor.run(at: 0) {}
        #expect(clock.sleepers == 20 && clock.nextDeadline == Self.at(1))
        clock.advanceToNextSleeper()
        while executor.run(at: 0) {}
        #expect(clock.sleepers == 10 && moments.events == Array(repeating: .seconds(1), count: 10))
        clock.advance(by: .seconds(5))
        while executor.run(at: 0) {}
        #expect(woken.events == Array(stride(from: 1, to: 20, by: 2)) + stride(from: 0, to: 20, by: 2))
        #expect(!clock.advanceToNextSleeper() && clock.now == Self.at(6))
    }

    @Test func `a cancelled sleeper leaves, and the others sleep on`() async throws {
        let clock = clock
        let sleepers = (1...3).map { second in Task { try await clock.sleep(until: Self.at(second)) } }
        await clock.untilSleepers(3)
        sleepers[0].cancel()
        await #expect(throws: CancellationError.self) { try await sleepers[0].value }
        #expect(clock.sleepers == 2 && clock.nextDeadline == Self.at(2))
        clock.advance(by: .seconds(3))
        for sleeper in sleepers.dropFirst() { try await sleeper.value }
        #expect(clock.sleepers == 0)
    }

    @Test func `who was cancelled before does not fall asleep`() async {
        let clock = clock
        let sleeper = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await clock.sleep(until: Self.at(1))
        }
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        #expect(clock.sleepers == 0)
    }

    @Test(arguments: [true, false])
    func `who waits for sleepers that never come ends when it is cancelled`(atOnce: Bool) async throws {
        let clock = clock, begun = Recorder<Void>(), ended = Recorder<Void>()
        let watcher = Task {
            if atOnce { withUnsafeCurrentTask { $0?.cancel() } }
            begun.record(())
            await clock.untilSleepers(2)
            ended.record(())
        }
        await until { !begun.events.isEmpty }
        watcher.cancel()
        guard await until(.seconds(5), { !ended.events.isEmpty }) else { return }
        // It leaves nothing behind: one who waits later is woken as before.
        async let other: Void = clock.untilSleepers(1)
        let sleeper = Task { try await clock.sleep(until: Self.at(1)) }
        await other
        clock.advance(by: .seconds(1))
        try await sleeper.value
    }

    @Test func `a script says its lines once, each after its delay, and then that it has no more`()
        async throws
    {
        struct Down: Error {}
        let script = Script<Int>(.value(1), .fail(Down(), after: .seconds(1)), time: TimeSource(clock))
        #expect(try await script() == 1)
        let second = Task { try await script() }
        await clock.untilSleepers(1)
        clock.advance(by: .seconds(1))
        await #expect(throws: Down.self) { try await second.value }
        for _ in 0..<2 { await #expect(throws: Script<Int>.Exhausted.self) { try await script() } }
        #expect(script.calls == 4)
    }
}
