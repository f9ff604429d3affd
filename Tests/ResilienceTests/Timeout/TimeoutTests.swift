import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct TimeoutTests {
    private let clock = VirtualClock()

    @Test func `a call within its time gives its result`() async throws {
        let timeout = Timeout("test", after: .seconds(1), time: TimeSource(clock))
        #expect(try await timeout.run { 5 } == 5)
        #expect(clock.sleepers == 0)
    }

    @Test func `a call whose time is up is cancelled and rejected`() async throws {
        let time = TimeSource(clock), timeout = Timeout("test", after: .seconds(1), time: time)
        let task = Task { try await timeout.run { try await time.sleep(for: .seconds(60)) } }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(1))
        await #expect(throws: Rejection(.timedOut, strategy: "test")) { try await task.value }
        #expect(clock.sleepers == 0)
    }

    @Test func `the operation's own error passes through`() async {
        struct Failed: Error {}
        let timeout = Timeout("test", after: .seconds(1), time: TimeSource(clock))
        await #expect(throws: Failed.self) { try await timeout.run { throw Failed() } }
    }
}
