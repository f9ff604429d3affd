import Testing

@testable import Resilience

@Suite struct RampTests {
    private static func at(_ milliseconds: Int) -> Instant {
        Instant(sinceOrigin: .milliseconds(milliseconds))
    }

    /// A breaker that has just closed by a probe at 1,000 ms, as far as its ramp lets it.
    private static func machine(_ ramp: [Double] = [0.1, 0.25, 0.5], stage: Duration = .seconds(1))
        -> CircuitBreaker.StateMachine
    {
        var policy = CircuitBreakerPolicy(window: .calls(20), failureRate: 0.5, minimumCalls: 10)
        policy.open = .init(first: .seconds(1), jitter: 0)
        policy.ramp = ramp
        policy.rampStage = stage
        var machine = CircuitBreaker.StateMachine(policy, chance: Chance(seed: 7), at: at(0))
        _ = machine.forceOpen(at: at(0))
        if case (.admitted(let probe), _) = machine.admit(at: at(1000)) {
            _ = machine.record(.success, of: probe, at: at(1000))
        }
        return machine
    }

    /// The share of a thousand calls that pass at a moment.
    private static func share(_ machine: inout CircuitBreaker.StateMachine, at moment: Int) -> Double {
        let passed = (0..<1000).count { _ in
            if case (.admitted, _) = machine.admit(at: at(moment)) { return true }
            return false
        }
        return Double(passed) / 1000
    }

    @Test func `after its verdict a growing share of calls passes, then all`() {
        var machine = Self.machine()
        #expect(machine.state == .halfOpen)
        for (moment, share) in [(1100, 0.1), (2100, 0.25), (3100, 0.5)] {
            #expect(abs(Self.share(&machine, at: moment) - share) < 0.05, "at \(moment)")
            #expect(machine.state == .halfOpen)
        }
        #expect(Self.share(&machine, at: 4000) == 1)
        #expect(machine.state == .closed)
    }

    @Test func `a stage lasts as long as the policy says`() {
        var machine = Self.machine(stage: .seconds(10))
        for (moment, share) in [(1100, 0.1), (10_900, 0.1), (11_100, 0.25), (30_900, 0.5)] {
            #expect(abs(Self.share(&machine, at: moment) - share) < 0.05, "at \(moment)")
        }
        #expect(Self.share(&machine, at: 31_000) == 1)
    }

    @Test func `stages that nobody saw are over as well`() {
        var machine = Self.machine()
        #expect(abs(Self.share(&machine, at: 3500) - 0.5) < 0.05)
        machine = Self.machine()
        #expect(Self.share(&machine, at: 60_000) == 1)
    }

    @Test func `a refused call is told when the next stage begins`() {
        var machine = Self.machine([0.000001])
        guard case (.refused(let reason, let wait), _) = machine.admit(at: Self.at(1300)) else {
            Issue.record("it passed")
            return
        }
        #expect(reason == .probesBusy && wait == .milliseconds(700))
    }

    @Test func `failures on the way open again, for longer`() {
        var machine = Self.machine([1, 1])
        var openings: [Duration?] = []
        for number in 0..<10 where machine.state == .halfOpen {
            guard case (.admitted(let ticket), _) = machine.admit(at: Self.at(1100 + number)) else {
                continue
            }
            if let change = machine.record(.failure(), of: ticket, at: Self.at(1100 + number)) {
                openings.append(change.openFor)
                #expect(number == 4)
            }
        }
        #expect(machine.state == .open && openings == [.seconds(2)])
    }

    @Test func `a late probe neither opens nor closes a ramp`() {
        var policy = CircuitBreakerPolicy()
        policy.open = .init(first: .seconds(1), jitter: 0)
        policy.verdict = .successes(1, of: 3)
        policy.ramp = [0.5]
        var machine = CircuitBreaker.StateMachine(policy, chance: Chance(seed: 7), at: Self.at(0))
        _ = machine.forceOpen(at: Self.at(0))
        guard case (.admitted(let first), _) = machine.admit(at: Self.at(1000)),
            case (.admitted(let second), _) = machine.admit(at: Self.at(1000))
        else {
            Issue.record("no two probes")
            return
        }
        _ = machine.record(.success, of: first, at: Self.at(1001))
        for _ in 0..<10 { _ = machine.record(.failure(), of: second, at: Self.at(1002)) }
        #expect(machine.state == .halfOpen && machine.late == 10)
    }

    @Test func `without a ramp it closes at once`() {
        #expect(Self.machine([]).state == .closed)
    }
}
