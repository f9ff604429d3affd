import ResilienceTesting
import Testing

@testable import Resilience

/// Probes before the open time is over.
@Suite struct EarlyProbeTests {
    private let clock = VirtualClock()
    private let interval = Duration.milliseconds(500)

    private func breaker(_ change: (inout CircuitBreakerPolicy) -> Void = { _ in }) -> CircuitBreaker {
        CircuitBreaker(
            "test", policy: BreakerFixture.policy(change), time: TimeSource(clock), chance: Chance(seed: 1))
    }

    /// The time until the next early probe; nil if one is let through, which ends as `outcome` says.
    private func wait(_ breaker: CircuitBreaker, _ outcome: CircuitBreaker.Outcome = .failure()) -> Duration?
    {
        do throws(Rejection) {
            try breaker.admitEarly(every: interval).settle(outcome)
            return nil
        } catch { return error.retryAfter }
    }

    @Test func `an open breaker lets one through each interval, and each failure begins a new one`() {
        let breaker = breaker()
        breaker.open(for: .seconds(60))
        #expect(wait(breaker) == interval)
        clock.advance(by: .milliseconds(200))
        #expect(wait(breaker) == .milliseconds(300))
        clock.advance(by: .milliseconds(300))
        #expect(wait(breaker) == nil)
        #expect(breaker.snapshot.state == .open)
        #expect(wait(breaker) == interval)
        #expect(throws: Rejection.self, "others wait for the open time") {
            try breaker.admit().settle(.success)
        }
    }

    @Test func `early probes that fail make no opening longer`() throws {
        let breaker = breaker { $0.open.maximum = .seconds(300) }
        breaker.open(for: .seconds(10))
        for _ in 0..<19 {
            clock.advance(by: interval)
            #expect(wait(breaker) == nil)
        }
        #expect(breaker.snapshot.openings == 1)
        #expect(breaker.snapshot.remainingOpen == interval)
        clock.advance(by: interval)
        try breaker.admit().settle(.failure())
        #expect(breaker.snapshot.openings == 2)
    }

    @Test func `an early probe that succeeds closes it`() {
        let breaker = breaker()
        breaker.open(for: .seconds(60))
        clock.advance(by: interval)
        #expect(wait(breaker, .success) == nil)
        #expect(breaker.snapshot.state == .closed)
        #expect(wait(breaker, .success) == nil, "a closed one lets all through")
    }

    @Test func `a probe that is out keeps the next one away for the interval only`() throws {
        let breaker = breaker()
        breaker.open(for: .seconds(60))
        clock.advance(by: interval)
        let slow = try breaker.admitEarly(every: interval)
        let isProbe = slow.isProbe
        #expect(isProbe)
        #expect(wait(breaker) == interval)
        clock.advance(by: interval)
        #expect(wait(breaker, .success) == nil)
        #expect(breaker.snapshot.state == .closed)
        slow.settle(.failure())
        #expect(breaker.snapshot.state == .closed, "it is late")
    }

    @Test func `what the server asked for is kept to`() {
        let breaker = breaker()
        try? breaker.admit().settle(.failure(retryAfter: .seconds(20)))
        try? breaker.admit().settle(.failure(retryAfter: .seconds(20)))
        #expect(breaker.snapshot.state == .open)
        clock.advance(by: .seconds(19))
        #expect(wait(breaker) == .seconds(1))
        clock.advance(by: .seconds(1))
        #expect(wait(breaker, .success) == nil)
    }

    @Test func `one that is isolated lets nothing through, one that is disabled everything`() {
        let isolated = breaker(), disabled = breaker()
        isolated.isolate()
        disabled.disable()
        clock.advance(by: .seconds(60))
        #expect(throws: Rejection.self) { try isolated.admitEarly(every: interval).settle(.success) }
        #expect(wait(disabled) == nil)
    }
}
