import ResilienceTesting
import Testing

@testable import Resilience

/// What a breaker says of a call that is not asked for.
@Suite struct ReadinessTests {
    private let clock = VirtualClock()

    private func breaker(_ change: (inout CircuitBreakerPolicy) -> Void = { _ in }) -> CircuitBreaker {
        CircuitBreaker(
            "test", policy: BreakerFixture.policy(change), time: TimeSource(clock), chance: Chance(seed: 1))
    }

    @Test
    func `it is ready, rejecting and probing as calls would be let through, and asking changes nothing`()
        throws
    {
        let breaker = breaker()
        #expect(breaker.readiness == .ready)
        breaker.open(for: .seconds(5))
        #expect(breaker.readiness == .rejecting)
        clock.advance(by: .milliseconds(4999))
        #expect(breaker.readiness == .rejecting)
        clock.advance(by: .milliseconds(1))
        for _ in 0..<3 { #expect(breaker.readiness == .probing) }
        let probe = try breaker.admit()
        #expect(breaker.readiness == .rejecting, "the only probe is out")
        probe.settle(.success)
        #expect(breaker.readiness == .ready)
    }

    @Test func `one that is isolated rejects, one that is disabled or only watches does not`() {
        let isolated = breaker(), disabled = breaker(), watching = breaker { $0.shadow = true }
        isolated.isolate()
        disabled.disable()
        watching.open(for: .seconds(5))
        #expect(isolated.readiness == .rejecting)
        #expect(disabled.readiness == .ready)
        #expect(watching.readiness == .ready)
    }

    @Test func `while it ramps it lets a share through`() throws {
        let breaker = breaker { $0.ramp = [0.5] }
        breaker.halfOpen()
        try breaker.admit().settle(.success)
        #expect(breaker.readiness == .probing)
    }
}
