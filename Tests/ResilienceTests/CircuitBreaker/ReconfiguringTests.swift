import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct ReconfiguringTests {
    private typealias Fixture = BreakerFixture

    @Test func `the window's content, the openings and what is normal stay`() {
        var machine = Fixture.machine {
            $0.window = .calls(20)
            $0.adaptiveRate = .init()
        }
        for second in 0..<600 { machine.call(.success, at: Fixture.at(Double(second))) }
        machine.call(.failure(), at: Fixture.at(600))
        machine.openings = 3
        let normal = machine.adaptive?.normal, ticket = machine.ticket(at: Fixture.at(600))
        var policy = machine.policy
        policy.minimumCalls = 100
        policy.adaptiveRate?.minimum = 0.4
        #expect(machine.reconfigure(policy, at: Fixture.at(601)).isEmpty)
        #expect(machine.counts == CallWindow.Counts(calls: 20, failures: 1) && machine.openings == 3)
        #expect(machine.adaptive?.normal == normal && machine.adaptive?.rate(for: 1000) == 0.4)
        // A call that was in flight still counts.
        _ = ticket.map { machine.record(.failure(), of: $0, at: Fixture.at(602)) }
        #expect(machine.counts.failures == 2 && machine.late == 0)
    }

    @Test func `a window of calls keeps the youngest that fit`() {
        var machine = Fixture.machine { $0.failureRate = nil }
        for failed in [true, true, false, false] {
            machine.call(failed ? .failure() : .success, at: Fixture.at(0))
        }
        for (size, counts) in [(10, (4, 2)), (3, (3, 1)), (1, (1, 0))] {
            var policy = machine.policy
            policy.window = .calls(size)
            _ = machine.reconfigure(policy, at: Fixture.at(1))
            #expect(machine.counts.calls == counts.0 && machine.counts.failures == counts.1, "\(size)")
        }
    }

    @Test func `a window of time keeps everything that is young enough, in however many slices`() {
        for slices in [1, 3, 10, 30, 300] {
            var machine = Fixture.machine {
                $0.window = .time(.seconds(30), slices: 30)
                $0.failureRate = nil
            }
            for second in 0..<30 {
                machine.call(second < 20 ? .failure() : .success, at: Fixture.at(Double(second)))
            }
            var policy = machine.policy
            policy.window = .time(.seconds(30), slices: slices)
            _ = machine.reconfigure(policy, at: Fixture.at(29))
            #expect(machine.counts == CallWindow.Counts(calls: 30, failures: 20), "\(slices)")
            // No call stays longer than the window, nor leaves a slice too early.
            policy.window = .time(.seconds(15), slices: 5)
            _ = machine.reconfigure(policy, at: Fixture.at(29))
            #expect(slices == 1 || abs(machine.counts.calls - 15) <= max(1, 30 / slices), "\(slices)")
            _ = machine.advance(at: Fixture.at(60))
            #expect(machine.counts.calls == 0, "\(slices)")
        }
    }

    @Test(arguments: [CircuitBreakerPolicy.Window.calls(100), .time(.seconds(60)), .interval(.seconds(60))])
    func `a window of another kind takes over what was counted`(from: CircuitBreakerPolicy.Window) {
        for to in [CircuitBreakerPolicy.Window.calls(100), .time(.seconds(60)), .interval(nil)] {
            var machine = Fixture.machine {
                $0.window = from
                $0.failureRate = nil
                $0.slowCallDuration = .seconds(1)
            }
            for call in 0..<40 {
                machine.call(
                    call % 4 == 0 ? .failure() : .success, took: .seconds(call % 10 == 0 ? 2 : 0),
                    at: Fixture.at(1))
            }
            var policy = machine.policy
            policy.window = to
            _ = machine.reconfigure(policy, at: Fixture.at(2))
            #expect(machine.counts == CallWindow.Counts(calls: 40, failures: 10, slow: 4), "\(to)")
        }
    }

    @Test func `an opening lasts as long as it was told, the next one as the new policy says`() {
        var machine = Fixture.machine()
        machine.trip(at: Fixture.at(0))
        var policy = machine.policy
        policy.open = .init(first: .seconds(1), multiplier: 1, jitter: 0)
        #expect(machine.reconfigure(policy, at: Fixture.at(1)).isEmpty)
        #expect(machine.remainingOpen(at: Fixture.at(1)) == .seconds(4))
        machine.call(.failure(), at: Fixture.at(5))
        #expect(machine.remainingOpen(at: Fixture.at(5)) == .seconds(1))
    }

    @Test func `half-open, a verdict that is reached already is reached at once`() {
        var machine = Fixture.machine { $0.verdict = .consecutiveSuccesses(3) }
        machine.trip(at: Fixture.at(0))
        machine.call(.success, at: Fixture.at(5))
        machine.call(.success, at: Fixture.at(5))
        var policy = machine.policy
        policy.verdict = .consecutiveSuccesses(2)
        #expect(machine.reconfigure(policy, at: Fixture.at(6)).map(\.to) == [.closed])
    }

    @Test func `half-open, it goes on with the probes of a longer verdict`() {
        var machine = Fixture.machine { $0.verdict = .consecutiveSuccesses(2) }
        machine.trip(at: Fixture.at(0))
        machine.call(.success, at: Fixture.at(5))
        var policy = machine.policy
        policy.verdict = .rate(calls: 3)
        #expect(machine.reconfigure(policy, at: Fixture.at(6)).isEmpty)
        machine.call(.failure(), at: Fixture.at(6))
        #expect(machine.state == .halfOpen)
        machine.call(.success, at: Fixture.at(6))
        #expect(machine.state == .closed)
    }

    @Test func `a ramp that the new policy does not have is over`() {
        var machine = Fixture.machine { $0.ramp = [0.1, 0.5] }
        machine.trip(at: Fixture.at(0))
        machine.call(.success, at: Fixture.at(5))
        #expect(machine.state == .halfOpen)
        var policy = machine.policy
        policy.ramp = []
        #expect(machine.reconfigure(policy, at: Fixture.at(5)).map(\.to) == [.closed])
    }

    @Test func `a change by time comes before and is reported as well`() {
        var machine = Fixture.machine()
        machine.trip(at: Fixture.at(0))
        #expect(machine.reconfigure(machine.policy, at: Fixture.at(5)).map(\.to) == [.halfOpen])
    }

    @Test func `isolation and what else was set by hand stay`() {
        var machine = Fixture.machine()
        _ = machine.isolate(at: Fixture.at(0))
        _ = machine.reconfigure(Fixture.policy { $0.failureRate = 0.1 }, at: Fixture.at(1))
        #expect(machine.state == .isolated && machine.holds == 1)
    }

    @Test func `calls that begin before times matter are not slow, those after are timed`() throws {
        let clock = VirtualClock()
        let breaker = CircuitBreaker("test", policy: Fixture.policy(), time: TimeSource(clock))
        clock.advance(by: .seconds(1000))
        let early = try breaker.admit()
        breaker.reconfigure(
            Fixture.policy {
                $0.slowCallDuration = .seconds(1)
                $0.slowCallRate = 1
            })
        #expect(breaker.policy.slowCallRate == 1)
        let timed = try breaker.admit()
        clock.advance(by: .seconds(2))
        early.settle(.success)
        timed.settle(.success)
        #expect(breaker.snapshot.calls == 2 && breaker.snapshot.slowCalls == 1)
        // And back again.
        let last = try breaker.admit()
        breaker.reconfigure(Fixture.policy())
        clock.advance(by: .seconds(2))
        last.settle(.success)
        #expect(breaker.snapshot.calls == 3 && breaker.snapshot.slowCalls == 1)
    }

    @Test func `what is not learned any more is forgotten, what is learned anew begins`() {
        var machine = Fixture.machine { $0.adaptiveRate = .init() }
        _ = machine.reconfigure(
            Fixture.policy {
                $0.window = .calls(4)
                $0.adaptiveSlowCall = .init()
            }, at: Fixture.at(1))
        #expect(
            machine.adaptive == nil && machine.slowness != nil
                && machine.gate & CircuitBreaker.Gate.timed != 0)
        #expect(!machine.countsUntimed)
        _ = machine.reconfigure(Fixture.policy(), at: Fixture.at(1))
        #expect(machine.slowness == nil && machine.countsUntimed)
    }
}
