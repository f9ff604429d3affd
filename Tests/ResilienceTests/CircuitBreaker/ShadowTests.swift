import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct ShadowTests {
    private typealias Fixture = BreakerFixture

    private let clock = VirtualClock()
    private let events = Recorder<CircuitBreakerEvent>()

    private func breaker(_ change: (inout CircuitBreakerPolicy) -> Void = { _ in }) -> CircuitBreaker {
        let events = events
        return CircuitBreaker(
            "test", policy: Fixture.policy(change), time: TimeSource(clock), chance: Chance(seed: 1)
        ) {
            events.record($0)
        }
    }

    private func fail(_ breaker: CircuitBreaker, times: Int = 1) throws {
        for _ in 0..<times {
            let permit = try breaker.admit()
            permit.settle(.failure())
        }
    }

    @Test func `it rejects nothing, and reports what it would have done`() throws {
        let breaker = breaker { $0.shadow = true }
        try fail(breaker, times: 50)
        #expect(breaker.snapshot.state == .open && breaker.snapshot.shadow)
        #expect(breaker.snapshot.rejected == 48 && breaker.snapshot.late == 0)
        clock.advance(by: .seconds(5))
        let probe = try breaker.admit(), other = try breaker.admit()
        other.settle(.failure())
        #expect(breaker.snapshot.state == .halfOpen, "a call that would have been rejected says nothing")
        probe.settle(.success)
        #expect(breaker.snapshot.state == .closed)
        #expect(events.events.map(\.to) == [.open, .halfOpen, .closed] && events.events.allSatisfy(\.shadow))
    }

    @Test func `it does at each moment what a breaker that rejects does`() {
        for seed in 0..<300 {
            var chance = Chance(seed: UInt64(seed)), now = Instant()
            let policy = Fixture.policy { $0.verdict = .successes(2, of: 3) }
            var watching = policy
            watching.shadow = true
            var machine = Fixture.Machine(policy, chance: Chance(seed: 9), at: now)
            var shadow = Fixture.Machine(watching, chance: Chance(seed: 9), at: now)
            for _ in 0..<200 {
                now = now.advanced(by: .milliseconds(Int(chance.next() % 2000)))
                let outcome: CircuitBreaker.Outcome = chance.next() % 3 == 0 ? .failure() : .success
                let ticket = machine.ticket(at: now)
                guard let passed = shadow.ticket(at: now) else {
                    Issue.record("seed \(seed): refused")
                    return
                }
                if let ticket { _ = machine.record(outcome, of: ticket, at: now) }
                _ = shadow.record(outcome, of: passed, at: now)
                guard shadow.state == machine.state, shadow.counts == machine.counts,
                    shadow.rejected == machine.rejected
                else {
                    Issue.record("seed \(seed): \(shadow.state) \(machine.state)")
                    return
                }
            }
        }
    }

    @Test func `by hand it begins to watch at once, and to reject again`() throws {
        let breaker = breaker()
        try fail(breaker, times: 2)
        #expect(throws: Rejection.self) { _ = try breaker.admit() }
        breaker.shadow()
        try fail(breaker, times: 3)
        #expect(breaker.snapshot.state == .open && breaker.snapshot.shadow)
        breaker.enforce()
        #expect(throws: Rejection(.circuitOpen, strategy: "test", retryAfter: .seconds(5))) {
            _ = try breaker.admit()
        }
        #expect(breaker.snapshot.rejected == 5)
    }

    @Test func `closing by hand goes back to what the policy says`() throws {
        let breaker = breaker { $0.shadow = true }
        breaker.enforce()
        try fail(breaker, times: 2)
        #expect(throws: Rejection.self) { _ = try breaker.admit() }
        breaker.close()
        try fail(breaker, times: 20)
        #expect(breaker.snapshot.shadow && breaker.snapshot.state == .open)
    }

    @Test func `isolation by hand is obeyed, and watching ends it`() throws {
        let breaker = breaker { $0.shadow = true }
        let hold = breaker.isolate()
        #expect(throws: Rejection(.isolated, strategy: "test")) { _ = try breaker.admit() }
        breaker.shadow()
        try fail(breaker)
        #expect(breaker.snapshot.state == .closed && breaker.snapshot.failures == 1)
        breaker.isolate()
        hold.end()
        #expect(breaker.snapshot.state == .isolated, "the hold was over")
    }
}
