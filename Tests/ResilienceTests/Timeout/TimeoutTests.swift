import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct TimeoutTests {
    private let clock = VirtualClock()

    @Test func `a call within its time gives its result`() async throws {
        let timeout = Timeout("test", after: .seconds(1), time: TimeSource(clock))
        #expect(try await timeout.run { 5 } == 5)
    }

    @Test func `a call whose time is up is cancelled and rejected`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(1), time: time)
        let task = Task { try await timeout.run { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await task.value }
    }

    @Test func `a result that comes after the time is up is not taken for one`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(1), time: time)
        let task = Task {
            try await timeout.run {
                try? await time.sleep(for: .seconds(60))
                return 5
            }
        }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await task.value }
    }

    @Test func `the operation's own error passes through`() async {
        struct Failed: Error {}
        let timeout = Timeout("test", after: .seconds(1), time: TimeSource(clock))
        await #expect(throws: Failed.self) { try await timeout.run { throw Failed() } }
    }

    @Test func `a caller that is cancelled gets a CancellationError, not a rejection`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(1), time: time)
        let task = Task { try await timeout.run { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `calls of one timeout end each at its own time`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(2), time: time)
        let first = Task { try await timeout.run { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        let second = Task {
            try await timeout.run { try await time.sleep(for: .seconds(60)) }
        }
        await clock.untilSleepers(3)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection.self) { try await first.value }
        // The second one's own sleep and the timer's.
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection.self) { try await second.value }
    }
}
