import ResilienceTesting
import Testing

@testable import Resilience

/// A breaker whose window is full of successes counts no more of them. Nobody can tell.
@Suite struct SpotlessWindow {
    private struct Failed: Error {}

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `a breaker that leaves successes out decides as one that counts all of them`(seed: UInt64) {
        var chance = Chance(seed: seed)
        let clock = VirtualClock(), time = TimeSource(clock)
        var policy = CircuitBreakerPolicy(
            window: .calls(1 + Int(chance.next() % 12)), failureRate: 0.2 + chance.unit() * 0.7,
            minimumCalls: 1 + Int(chance.next() % 8))
        if seed % 2 == 0 { (policy.slowCallRate, policy.slowCallDuration) = (0.5, .seconds(2)) }
        let breaker = CircuitBreaker("b", policy: policy, time: time, chance: Chance(seed: seed))
        var model = CircuitBreaker.StateMachine(policy, chance: Chance(seed: seed), at: time.now)
        for step in 0..<300 {
            let isCalm = step / 40 % 2 == 0, fails = chance.unit() < (isCalm ? 0.02 : 0.4)
            let took = Duration.seconds(chance.unit() < (isCalm ? 0.02 : 0.3) ? 3 : 0)
            let (admission, _) = model.admit(at: time.now)
            switch admission {
            case .admitted(let ticket):
                settle(breaker, fails ? .failure() : .success, byPermit: chance.unit() < 0.5) {
                    clock.advance(by: took)
                }
                let duration = policy.slowCallDuration == nil ? nil : took
                _ = model.record(fails ? .failure() : .success, of: ticket, took: duration, at: time.now)
            case .refused: #expect(throws: Rejection.self) { try breaker.runSynchronously {} }
            }
            let snapshot = breaker.snapshot, counts = model.counts
            #expect(snapshot.state == model.state, "seed \(seed), step \(step)")
            #expect(
                [snapshot.calls, snapshot.failures, snapshot.slowCalls]
                    == [counts.calls, counts.failures, counts.slow], "seed \(seed), step \(step)")
            if chance.unit() < 0.05 { clock.advance(by: .seconds(6)) }
        }
    }

    private func settle(
        _ breaker: CircuitBreaker, _ outcome: CircuitBreaker.Outcome, byPermit: Bool, _ operation: () -> Void
    ) {
        do {
            if byPermit {
                let permit = try breaker.admit()
                operation()
                permit.settle(outcome)
            } else {
                try breaker.runSynchronously {
                    operation()
                    if case .failure = outcome { throw Failed() }
                }
            }
        } catch {
            #expect(error is Failed)
        }
    }

    @Test func `a lower limit for slow calls counts at once`() throws {
        let clock = VirtualClock()
        var policy = CircuitBreakerPolicy(window: .calls(5), failureRate: nil)
        (policy.slowCallRate, policy.slowCallDuration) = (1, .seconds(10))
        let breaker = CircuitBreaker("b", policy: policy, time: TimeSource(clock))
        for _ in 0..<5 { try breaker.runSynchronously {} }
        policy.slowCallDuration = .seconds(1)
        breaker.reconfigure(policy)
        try breaker.runSynchronously { clock.advance(by: .seconds(2)) }
        #expect(breaker.snapshot.slowCalls == 1)
    }

    @Test func `failures among many threads' successes are all counted`() async {
        let breaker = CircuitBreaker(
            "b", policy: CircuitBreakerPolicy(window: .calls(50), failureRate: 1, minimumCalls: 50))
        for _ in 0..<50 { try? breaker.runSynchronously {} }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<20_000 { try? breaker.runSynchronously {} }
                }
            }
        }
        for failures in 1...49 {
            try? breaker.runSynchronously { throw Failed() }
            #expect(breaker.snapshot.failures == failures && breaker.snapshot.calls == 50)
        }
        try? breaker.runSynchronously { throw Failed() }
        #expect(breaker.snapshot.state == .open)
    }

    @Test func `a result from before an opening is late, however clean the window is`() throws {
        let breaker = CircuitBreaker("b", policy: CircuitBreakerPolicy(window: .calls(3), failureRate: 0.5))
        let permit = try breaker.admit()
        breaker.open()
        breaker.close()
        for _ in 0..<3 { try breaker.runSynchronously {} }
        permit.settle(.success)
        #expect(breaker.snapshot.late == 1)
    }
}
