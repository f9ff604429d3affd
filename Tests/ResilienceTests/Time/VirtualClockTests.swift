import ResilienceTesting
import Testing

@testable import Resilience

@Suite(.timeLimit(.minutes(1))) struct VirtualClockTests {
    private let clock = VirtualClock()

    @Test(arguments: [true, false])
    func `who waits for sleepers that never come ends when it is cancelled`(atOnce: Bool) async {
        let clock = clock, begun = Recorder<Void>()
        let watcher = Task {
            if atOnce { withUnsafeCurrentTask { $0?.cancel() } }
            begun.record(())
            await clock.untilSleepers(2)
        }
        await until { !begun.events.isEmpty }
        watcher.cancel()
        await watcher.value
        // Others are not woken with it, and a later one waits as before.
        async let other: Void = clock.untilSleepers(1)
        let sleeper = Task { try await clock.sleep(until: Instant(sinceOrigin: .seconds(1))) }
        await other
        clock.advance(by: .seconds(1))
        await #expect(throws: Never.self) { try await sleeper.value }
    }
}
