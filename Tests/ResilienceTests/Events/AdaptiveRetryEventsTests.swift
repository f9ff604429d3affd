import Resilience
import ResilienceTesting
import Testing

@Suite struct AdaptiveRetryEventsTests {
    private struct Failed: Error {}

    @Test func `an adaptive retry tells its events like a retry`() async {
        let events = EventBuffer<any ResilienceEvent>(from: .debug), clock = VirtualClock()
        var policy = AdaptiveRetryPolicy()
        policy.arms = [.init("at once", Backoff(base: .zero, jitter: .none))]
        policy.maximumAttempts = 2
        let retry = AdaptiveRetry(
            "search", policy: policy, time: TimeSource(clock), onEvent: events.record)
        await #expect(throws: Failed.self) { try await retry.run { _ in throw Failed() } }
        let told = events.drain()
        #expect(told.map(\.kind) == ["retry_scheduled", "retry_stopped"])
        #expect(told.map(\.severity) == [.warning, .error])
        #expect(told.allSatisfy { $0.strategy == "search" })
    }
}
