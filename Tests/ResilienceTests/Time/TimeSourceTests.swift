import Resilience
import ResilienceTesting
import Testing

@Suite struct TimeSourceTests {
    private struct Failed: Error {}

    @Test func `a moment of the system's clock means the same to every source`() async throws {
        let early = TimeSource()
        try await early.sleep(for: .milliseconds(2))
        let late = TimeSource()
        let first = early.now, second = late.now, third = early.now
        #expect(first <= second && second <= third)
    }

    @Test func `sources of a virtual clock have its moments, whenever they were made`() {
        let clock = VirtualClock()
        clock.advance(by: .seconds(3600))
        #expect(TimeSource(clock).now == clock.now)
    }

    @Test func `a deadline that is younger than the retry inside it does not end the retry`() async throws {
        let clock = VirtualClock()
        let retry = Retry(
            "retry", policy: RetryPolicy(backoff: Backoff(base: .zero, jitter: .none)),
            time: TimeSource(clock))
        clock.advance(by: .seconds(3600))
        let pipeline = Pipeline {
            Deadline("deadline", after: .seconds(5), time: TimeSource(clock))
            retry
        }
        let attempts = try await pipeline.run { context in
            if context.attempt < 2 { throw Failed() }
            return context.attempt + 1
        }
        #expect(attempts == 3)
    }
}
