import ResilienceTesting
import Testing

@testable import Resilience

/// A window that is reset at intervals.
@Suite struct IntervalWindowTests {
    private struct Failed: Error {}

    private let clock = VirtualClock()

    private func breaker(_ change: (inout CircuitBreakerPolicy) -> Void = { _ in }) -> CircuitBreaker {
        CircuitBreaker(
            "test",
            policy: BreakerFixture.policy {
                $0.window = .interval(.seconds(10))
                change(&$0)
            }, time: TimeSource(clock), chance: Chance(seed: 1))
    }

    @Test func `a result from before a reset does not count after it`() throws {
        let breaker = breaker()
        let one = try breaker.admit(), two = try breaker.admit()
        clock.advance(by: .seconds(11))
        one.settle(.failure())
        two.settle(.failure())
        #expect(breaker.snapshot.calls == 0 && breaker.snapshot.state == .closed)
        #expect(breaker.snapshot.late == 2)
    }

    @Test func `a result within the interval of its call counts`() throws {
        let breaker = breaker()
        let permit = try breaker.admit()
        clock.advance(by: .seconds(10))
        permit.settle(.failure())
        #expect(breaker.snapshot.failures == 1 && breaker.snapshot.late == 0)
    }

    @Test func `the first call of a new interval counts, though nobody looked before`() async throws {
        let breaker = breaker()
        try breaker.runSynchronously {}
        clock.advance(by: .seconds(11))
        let permit = try breaker.admit()
        #expect(breaker.readiness == .ready)
        clock.advance(by: .seconds(1))
        permit.settle(.failure())
        #expect(breaker.snapshot.failures == 1 && breaker.snapshot.calls == 1 && breaker.snapshot.late == 0)
        await #expect(throws: Failed.self) { try await breaker.run { throw Failed() } }
        #expect(breaker.snapshot.state == .open)
    }

    @Test func `calls keep counting as before when another policy has no interval`() throws {
        let breaker = breaker()
        let permit = try breaker.admit()
        breaker.reconfigure(BreakerFixture.policy())
        clock.advance(by: .seconds(11))
        permit.settle(.failure())
        #expect(breaker.snapshot.failures == 1 && breaker.snapshot.late == 0)
    }
}
