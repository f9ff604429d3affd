import ResilienceTesting
import Testing

@testable import Resilience

/// A breaker whose window is full of successes counts no more of them. Nobody can tell.
@Suite struct SpotlessWindow {
    private struct Failed: Error {}

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `a breaker that leaves successes out decides as one that counts all of them`(seed: UInt64) {
        var chance = Chance(seed: seed)
        let clock = VirtualClock(), size = 1 + Int(chance.next() % 12)
        let policy = CircuitBreakerPolicy(
            window: .calls(size), failureRate: 0.2 + chance.unit() * 0.7,
            minimumCalls: 1 + Int(chance.next() % 8))
        let breaker = CircuitBreaker("b", policy: policy, time: TimeSource(clock), chance: Chance(seed: seed))
        var model = CircuitBreaker.StateMachine(policy, chance: Chance(seed: seed), at: TimeSource(clock).now)
        for step in 0..<300 {
            let now = TimeSource(clock).now, fails = chance.unit() < (step / 40 % 2 == 0 ? 0.02 : 0.4)
            let (admission, _) = model.admit(at: now)
            let outcome: CircuitBreaker.Outcome = fails ? .failure() : .success
            switch admission {
            case .admitted(let ticket):
                _ = model.record(outcome, of: ticket, took: nil, at: now)
                if chance.unit() < 0.5 {
                    #expect(throws: (any Error).self) {
                        try breaker.runSynchronously { if fails { throw Failed() } }
                        throw Failed()
                    }
                } else {
                    do { try breaker.admit().settle(outcome) } catch {
                        Issue.record("seed \(seed): \(error)")
                    }
                }
            case .refused: #expect(throws: Rejection.self) { try breaker.runSynchronously {} }
            }
            let snapshot = breaker.snapshot
            #expect(snapshot.state == model.state, "seed \(seed), step \(step)")
            #expect(
                snapshot.calls == model.counts.calls && snapshot.failures == model.counts.failures,
                "seed \(seed), step \(step)")
            if chance.unit() < 0.05 { clock.advance(by: .seconds(6)) }
        }
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
