import Testing

@testable import Resilience

@Suite struct AdaptiveThresholdTests {
    private static func seconds(_ seconds: Int) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    /// A threshold that has seen a call a second for so long, of which each `every`th failed.
    private static func learned(
        _ time: Int, failing every: Int, _ policy: CircuitBreakerPolicy.AdaptiveRate = .init()
    ) -> AdaptiveThreshold {
        var threshold = AdaptiveThreshold(policy, at: seconds(0))
        for second in 0..<time {
            threshold.note(failed: every > 0 && second % every == 0, at: seconds(second))
        }
        return threshold
    }

    @Test
    func
        `what normally fails one call in twelve is not opened by two of twenty, what never fails is by three`()
    {
        let noisy = Self.learned(7200, failing: 12), quiet = Self.learned(7200, failing: 0)
        #expect(noisy.rate(for: 20) > 0.2 && quiet.rate(for: 20) <= 0.15)
        // More calls need less: the same share of 1,000 is no accident.
        var low = CircuitBreakerPolicy.AdaptiveRate()
        low.minimum = 0.01
        let many = Self.learned(7200, failing: 12, low).rate(for: 1000)
        #expect(many < 0.13 && many > 1.0 / 12)
    }

    @Test func `the rate stays within its bounds`() {
        var policy = CircuitBreakerPolicy.AdaptiveRate()
        (policy.minimum, policy.maximum) = (0.2, 0.4)
        #expect(Self.learned(7200, failing: 0, policy).rate(for: 1_000_000) == 0.2)
        #expect(Self.learned(7200, failing: 2, policy).rate(for: 1) == 0.4)
    }

    @Test func `a long bad time does not become normal beyond the highest normal rate`() {
        let bad = Self.learned(36_000, failing: 1)
        #expect(abs(bad.normal - 0.3) < 0.001)
    }

    @Test func `what is normal changes by half a minute at most, however much is seen`() {
        var threshold = Self.learned(3600, failing: 0), now = 3600
        for _ in 0..<20 {
            let before = threshold.normal
            for _ in 0..<60 {
                threshold.note(failed: true, at: Self.seconds(now))
                now += 1
            }
            // Six slices of ten seconds, each at most 1 + 0.5 / 6.
            #expect(threshold.normal <= max(before, 0.001) * 1.66)
        }
        // Nor does an idle day let it jump.
        var idle = Self.learned(3600, failing: 0)
        for _ in 0..<100 { idle.note(failed: true, at: Self.seconds(3601)) }
        let before = idle.normal
        idle.note(failed: true, at: Self.seconds(100_000))
        #expect(idle.normal <= max(before, 0.001) * 1.51)
    }

    @Test func `what was seen counts half after the half-life`() {
        var threshold = Self.learned(36_000, failing: 10)
        #expect(abs(threshold.normal - 0.1) < 0.01)
        for second in 36_000..<39_600 { threshold.note(failed: false, at: Self.seconds(second)) }
        #expect(abs(threshold.normal - 0.05) < 0.01)
    }

    @Test func `a breaker opens by the rate of its number of calls, and what opened it is not learned`() {
        var policy = CircuitBreakerPolicy(window: .calls(20), failureRate: 0.5, minimumCalls: 20)
        policy.adaptiveRate = .init()
        var machine = CircuitBreaker.StateMachine(policy, chance: Chance(seed: 1), at: Self.seconds(0))
        let ticket = CircuitBreaker.Ticket(gate: machine.gate)
        for second in 0..<3600 {
            #expect(machine.record(.success, of: ticket, at: Self.seconds(second)) == nil)
        }
        let normal = machine.adaptive?.normal
        var failures = 0
        for second in 3600..<3620 where machine.state == .closed {
            _ = machine.record(.failure(), of: ticket, at: Self.seconds(second))
            failures += 1
        }
        #expect(machine.state == .open && failures == 3)
        #expect(machine.adaptive?.normal == normal)
    }

    @Test func `nonsense in the policy neither traps nor opens for nothing`() {
        var policy = CircuitBreakerPolicy.AdaptiveRate()
        policy.halfLife = .zero
        policy.changePerMinute = 0
        policy.deviations = -5
        var threshold = AdaptiveThreshold(policy, at: Self.seconds(0))
        threshold.note(failed: true, at: Instant(sinceOrigin: .unbounded))
        #expect(threshold.rate(for: 0) >= policy.minimum)
    }
}
