import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct ByHandTests {
    private typealias Fixture = BreakerFixture

    private let clock = VirtualClock()

    private func breaker() -> CircuitBreaker {
        CircuitBreaker("test", policy: Fixture.policy(), time: TimeSource(clock), chance: Chance(seed: 1))
    }

    @Test func `it stays isolated until every hold is ended, and ending one twice ends no other`() {
        let breaker = breaker()
        let first = breaker.isolate(), second = breaker.isolate()
        #expect(breaker.snapshot.holds == 2)
        first.end()
        first.end()
        #expect(breaker.snapshot.state == .isolated)
        second.end()
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `a hold that closing has ended ends no later hold`() {
        for end in [{ $0.close() }, { $0.disable() }, { $0.shadow() }] as [(CircuitBreaker) -> Void] {
            let breaker = breaker(), old = breaker.isolate()
            end(breaker)
            #expect(breaker.snapshot.holds == 0)
            let new = breaker.isolate()
            old.end()
            #expect(breaker.snapshot.state == .isolated)
            new.end()
            #expect(breaker.snapshot.state == .closed)
        }
    }

    @Test func `a hold that is dropped stays`() {
        let breaker = breaker()
        breaker.isolate()
        #expect(breaker.snapshot.state == .isolated)
        breaker.release()
        breaker.release()
        #expect(breaker.snapshot.state == .closed && breaker.snapshot.holds == 0)
    }

    @Test func `an isolated breaker is neither opened nor probed by hand`() {
        let breaker = breaker()
        breaker.isolate()
        breaker.open()
        breaker.halfOpen()
        #expect(breaker.snapshot.state == .isolated)
    }

    @Test func `probes can be let through before the time`() throws {
        let breaker = breaker()
        breaker.open(for: .seconds(3600))
        breaker.halfOpen()
        let probe = try breaker.admit()
        #expect(throws: Rejection.self) { _ = try breaker.admit() }
        probe.settle(.success)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `a disabled breaker counts nothing until it is closed`() throws {
        let breaker = breaker()
        breaker.disable()
        for _ in 0..<10 {
            let permit = try breaker.admit()
            permit.settle(.failure())
        }
        #expect(breaker.snapshot.state == .disabled && breaker.snapshot.calls == 0)
        breaker.close()
        let permit = try breaker.admit()
        permit.settle(.failure())
        #expect(breaker.snapshot.state == .closed && breaker.snapshot.failures == 1)
    }

    @Test func `a rejection tells the longer time that a late Retry-After asks for`() throws {
        let breaker = breaker()
        let slow = try breaker.admit()
        for _ in 0..<2 {
            let permit = try breaker.admit()
            permit.settle(.failure())
        }
        #expect(throws: Rejection(.circuitOpen, strategy: "test", retryAfter: .seconds(5))) {
            _ = try breaker.admit()
        }
        slow.settle(.failure(retryAfter: .seconds(20)))
        #expect(throws: Rejection(.circuitOpen, strategy: "test", retryAfter: .seconds(20))) {
            _ = try breaker.admit()
        }
    }
}
