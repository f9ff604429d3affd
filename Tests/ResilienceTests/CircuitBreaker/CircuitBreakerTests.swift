import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct CircuitBreakerTests {
    private struct Failed: Error {}

    private let clock = VirtualClock()
    private let events = Recorder<CircuitBreakerEvent>()

    private func breaker(_ change: (inout CircuitBreakerPolicy) -> Void = { _ in }) -> CircuitBreaker {
        var policy = CircuitBreakerPolicy(
            window: .calls(4), failureRate: 0.5, minimumCalls: 2,
            open: .init(first: .seconds(5), multiplier: 2, maximum: .seconds(30), jitter: 0))
        change(&policy)
        let events = events
        return CircuitBreaker("test", policy: policy, time: TimeSource(clock), chance: Chance(seed: 1)) {
            events.record($0)
        }
    }

    private func fail(_ breaker: CircuitBreaker, times: Int = 1, retryAfter: Duration? = nil) throws {
        for _ in 0..<times {
            let permit = try breaker.admit()
            permit.settle(.failure(retryAfter: retryAfter))
        }
    }

    private func succeed(_ breaker: CircuitBreaker) throws {
        let permit = try breaker.admit()
        permit.settle(.success)
    }

    private func rejection(_ breaker: CircuitBreaker) -> Rejection? {
        do throws(Rejection) {
            let permit = try breaker.admit()
            permit.settle(.ignored)
            return nil
        } catch {
            return error
        }
    }

    @Test func `it opens at the failure rate, rejects with the time to wait, and closes after a good probe`()
        throws
    {
        let breaker = breaker()
        try fail(breaker, times: 2)
        #expect(rejection(breaker) == Rejection(.circuitOpen, strategy: "test", retryAfter: .seconds(5)))
        clock.advance(by: .seconds(4))
        #expect(rejection(breaker)?.retryAfter == .seconds(1))
        clock.advance(by: .seconds(1))
        try succeed(breaker)
        #expect(breaker.snapshot.state == .closed)
        #expect(events.events.map(\.to) == [.open, .halfOpen, .closed])
        #expect(events.events[0].openFor == .seconds(5) && events.events[0].failures == 2)
    }

    @Test func `the caller says what an error means`() async {
        struct Missing: Error {}
        let breaker = breaker()
        for _ in 0..<9 {
            await #expect(throws: Missing.self) {
                try await breaker.run(judging: { $0 is Missing ? .success : .failure() }) { throw Missing() }
            }
            #expect(throws: Missing.self) {
                try breaker.runSynchronously(judging: { $0 is Missing ? .ignored : .failure() }) {
                    throw Missing()
                }
            }
        }
        #expect(breaker.snapshot.state == .closed)
        #expect((breaker.snapshot.calls, breaker.snapshot.failures) == (4, 0))
        // Nothing asks it about calls that succeed, and what it calls a failure is one.
        let worse = CircuitBreaker.Outcome.failure(retryAfter: .seconds(20))
        _ = try? await breaker.run(judging: { _ in worse }) {}
        _ = try? breaker.runSynchronously(judging: { _ in worse }) {}
        #expect(breaker.snapshot.failures == 0)
        _ = try? await breaker.run(judging: { _ in .failure() }) { throw CancellationError() }
        _ = try? breaker.runSynchronously(judging: { _ in worse }) { throw CancellationError() }
        #expect(rejection(breaker) == Rejection(.circuitOpen, strategy: "test", retryAfter: .seconds(20)))
    }

    @Test func `the operation's own error passes through unchanged and counts`() async throws {
        let breaker = breaker()
        for _ in 0..<2 {
            await #expect(throws: Failed.self) { try await breaker.run { throw Failed() } }
        }
        await #expect(throws: Rejection.self) { try await breaker.run { 1 } }
    }

    @Test func `open times grow with each opening, and are forgotten slowly`() throws {
        let breaker = breaker()
        var times: [Duration] = []
        for _ in 0..<4 {
            if breaker.snapshot.state == .closed { try fail(breaker, times: 2) } else { try fail(breaker) }
            times.append(breaker.snapshot.remainingOpen)
            clock.advance(by: breaker.snapshot.remainingOpen)
        }
        #expect(times == [.seconds(5), .seconds(10), .seconds(20), .seconds(30)])
        try succeed(breaker)
        // Four openings are remembered, and each minute of health forgets one.
        clock.advance(by: .seconds(125))
        try fail(breaker, times: 2)
        #expect(breaker.snapshot.remainingOpen == .seconds(20))
    }

    @Test func `the open time is varied by chance, within its bounds`() throws {
        var seen: Set<Duration> = []
        for seed in 0..<50 {
            var policy = CircuitBreakerPolicy(window: .calls(2), failureRate: 0.5, minimumCalls: 1)
            policy.open.first = .seconds(10)
            let breaker = CircuitBreaker(
                "test", policy: policy, time: TimeSource(clock), chance: Chance(seed: UInt64(seed)))
            try fail(breaker)
            seen.insert(breaker.snapshot.remainingOpen)
        }
        #expect(seen.count > 40)
        #expect(seen.allSatisfy { (.seconds(8) ... .seconds(12)).contains($0) })
    }

    @Test func `a Retry-After lengthens the opening it causes, up to the maximum`() throws {
        for (asked, lasts) in [
            (Duration.seconds(12), Duration.seconds(12)), (.seconds(1), .seconds(5)),
            (.seconds(9999), .seconds(30)),
        ] {
            let breaker = breaker()
            try fail(breaker, times: 2, retryAfter: asked)
            #expect(breaker.snapshot.remainingOpen == lasts)
        }
    }

    @Test func `probes are bounded and every other call is rejected meanwhile`() throws {
        let breaker = breaker { $0.verdict = .consecutiveSuccesses(3) }
        try fail(breaker, times: 2)
        clock.advance(by: .seconds(5))
        let first = try breaker.admit(), second = try breaker.admit(), third = try breaker.admit()
        let isProbe = first.isProbe
        #expect(isProbe)
        #expect(rejection(breaker)?.reason == .probesBusy)
        #expect(rejection(breaker)?.retryAfter != nil)
        first.settle(.success)
        second.settle(.success)
        #expect(breaker.snapshot.state == .halfOpen)
        third.settle(.success)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test
    func
        `a probe that never settles loses its place when its lease ends, and its late result changes nothing`()
        throws
    {
        let breaker = breaker { $0.probeLease = .seconds(3) }
        try fail(breaker, times: 2)
        clock.advance(by: .seconds(5))
        let lost = try breaker.admit()
        #expect(rejection(breaker)?.reason == .probesBusy)
        clock.advance(by: .seconds(3))
        let next = try breaker.admit()
        lost.settle(.failure())
        #expect(breaker.snapshot.state == .halfOpen && breaker.snapshot.late == 1)
        next.settle(.success)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `slow calls open it, whether they succeed or fail`() throws {
        let breaker = breaker {
            $0.failureRate = nil
            $0.slowCallDuration = .seconds(1)
            $0.slowCallRate = 0.5
        }
        for seconds in [2, 2] {
            let permit = try breaker.admit()
            clock.advance(by: .seconds(seconds))
            permit.settle(.success)
        }
        #expect(breaker.snapshot.state == .open && events.events[0].slowCalls == 2)
    }

    @Test func `the caller's own measure of a call's duration counts`() throws {
        let breaker = breaker {
            $0.failureRate = nil
            $0.slowCallDuration = .seconds(1)
            $0.slowCallRate = 0.5
        }
        for _ in 0..<4 {
            let permit = try breaker.admit()
            clock.advance(by: .seconds(60))
            permit.settle(.success, took: .milliseconds(200))
        }
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `holds by hand are counted, and memory survives a restart`() throws {
        let breaker = breaker()
        breaker.isolate()
        breaker.isolate()
        breaker.release()
        #expect(rejection(breaker)?.reason == .isolated && rejection(breaker)?.retryAfter == nil)
        #expect(breaker.memory == nil)
        breaker.release()
        try fail(breaker, times: 2)
        let memory = try #require(breaker.memory)
        let next = self.breaker()
        next.restore(memory)
        #expect(next.snapshot.state == .open && next.snapshot.remainingOpen == .seconds(5))
    }

    @Test func `a failure from before the opening lengthens it by its Retry-After, and never shortens it`()
        throws
    {
        let breaker = breaker()
        let slow = try breaker.admit(), slower = try breaker.admit(), last = try breaker.admit()
        try fail(breaker, times: 2)
        #expect(breaker.snapshot.remainingOpen == .seconds(5))
        slow.settle(.failure(retryAfter: .seconds(20)))
        #expect(breaker.snapshot.remainingOpen == .seconds(20))
        slower.settle(.failure(retryAfter: .seconds(1)))
        #expect(breaker.snapshot.remainingOpen == .seconds(20))
        last.settle(.failure(retryAfter: .seconds(600)))
        #expect(breaker.snapshot.remainingOpen == .seconds(30), "no longer than the policy allows")
        clock.advance(by: .seconds(30))
        #expect(breaker.snapshot.state == .halfOpen)
    }
}
