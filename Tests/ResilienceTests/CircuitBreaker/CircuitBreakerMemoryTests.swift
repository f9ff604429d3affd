import Foundation
import Testing

@testable import Resilience

@Suite struct CircuitBreakerMemoryTests {
    private typealias Fixture = BreakerFixture
    private typealias Memory = CircuitBreaker.Memory

    private static func learning(_ policy: inout CircuitBreakerPolicy) {
        policy.window = .time(.seconds(30))
        policy.adaptiveRate = .init()
        policy.adaptiveSlowCall = .init()
        policy.slowCallRate = 0.5
    }

    /// What is left of a memory that was written to a file and read back.
    private static func reread(_ memory: Memory) throws -> Memory {
        try JSONDecoder().decode(Memory.self, from: JSONEncoder().encode(memory))
    }

    @Test func `what was learned goes on after a restart, on a clock with another origin`() throws {
        var old = Fixture.machine(at: Fixture.at(0), Self.learning)
        for second in 0..<7200 {
            old.call(
                second % 12 == 0 ? .failure() : .success, took: .milliseconds(300),
                at: Fixture.at(Double(second)))
        }
        old.openings = 2
        let memory = try Self.reread(#require(old.memory(at: Fixture.at(7200))))
        let start = Fixture.at(1_000_000)
        var new = Fixture.machine(at: start, Self.learning)
        new.restore(memory, at: start)
        #expect(new.counts == old.counts && new.counts.calls > 20)
        #expect(new.adaptive?.normal == old.adaptive?.normal && new.openings == 2)
        #expect(new.slowness?.limit == old.slowness?.limit && new.slowness?.normal != nil)
        // They learn on in the same way.
        for second in 0..<600 {
            for (machine, begin) in [(0, 7200.0), (1, 1_000_000.0)] {
                let now = Fixture.at(begin + Double(second))
                if machine == 0 {
                    old.call(.success, took: .milliseconds(900), at: now)
                } else {
                    new.call(.success, took: .milliseconds(900), at: now)
                }
            }
        }
        let times = (old.slowness?.normal ?? .zero, new.slowness?.normal ?? .zero)
        #expect(abs(times.0 / times.1 - 1) < 0.05 && times.0 > .milliseconds(310))
        #expect(abs((old.adaptive?.normal ?? 1) - (new.adaptive?.normal ?? 0)) < 0.005)
    }

    @Test func `openings are forgotten as if there had been no restart`() throws {
        var old = Fixture.machine { $0.open.decay = .seconds(60) }
        old.openings = 3
        let memory = try Self.reread(#require(old.memory(at: Fixture.at(50))))
        var new = Fixture.machine(at: Fixture.at(0))
        new.restore(memory, at: Fixture.at(0))
        // 75 s healthy in all: one is forgotten, the next opening is the third.
        new.trip(at: Fixture.at(25))
        #expect(new.openings == 3 && new.remainingOpen(at: Fixture.at(25)) == .seconds(20))
    }

    @Test func `an opening goes on with the time that was left, half-open with a probe`() throws {
        var old = Fixture.machine()
        old.trip(at: Fixture.at(100))
        let open = try #require(old.memory(at: Fixture.at(102)))
        _ = old.advance(at: Fixture.at(105))
        let halfOpen = try #require(old.memory(at: Fixture.at(105)))
        var new = Fixture.machine(at: Fixture.at(0))
        new.restore(open, at: Fixture.at(0))
        #expect(new.state == .open && new.remainingOpen(at: Fixture.at(0)) == .seconds(3))
        new.restore(halfOpen, at: Fixture.at(0))
        #expect(new.call(.success, at: Fixture.at(0)) && new.state == .closed)
    }

    @Test func `a memory of an older version, without what was not kept then, is taken up`() throws {
        let json = #"""
            {"history":{"calls":[1,0,2,1],"groups":[]},"consecutiveFailures":1,"openings":2,"openFor":[0,0]}
            """#
        let memory = try JSONDecoder().decode(Memory.self, from: Data(json.utf8))
        var machine = Fixture.machine { $0.adaptiveRate = .init() }
        machine.restore(memory, at: Fixture.at(9))
        #expect(machine.counts == CallWindow.Counts(calls: 4, failures: 2, slow: 1) && machine.openings == 2)
    }

    @Test func `a memory of another policy is taken up as far as it means something`() throws {
        var old = Fixture.machine(Self.learning)
        for second in 0..<600 { old.call(.success, took: .seconds(1), at: Fixture.at(Double(second))) }
        let memory = try #require(old.memory(at: Fixture.at(600)))
        var machine = Fixture.machine { $0.window = .calls(10) }
        machine.restore(memory, at: Fixture.at(0))
        #expect(machine.counts.calls == 10 && machine.adaptive == nil && machine.slowness == nil)
    }

    @Test func `nonsense in a memory neither traps nor opens for longer than the policy may`() {
        let far = Duration(secondsComponent: .max, attosecondsComponent: 0)
        for value in [Int.min, -1, .max] {
            for time in [far, .zero - far, .unbounded] {
                var machine = Fixture.machine(Self.learning)
                let counts = CallWindow.Counts(calls: value, failures: value, slow: value, ignored: value)
                let groups = [
                    CallWindow.History.Aged(age: time, counts: counts), .init(age: .zero, counts: counts),
                ]
                for left in [nil, time] {
                    let memory = Memory(
                        history: .init(calls: [255, 0], groups: groups), consecutiveFailures: value,
                        openings: value,
                        openLeft: left, openFor: time, closedFor: time,
                        failureRate: .init(calls: .infinity, failures: -1, normal: .nan),
                        callTime: .init(seen: value, normal: time, weights: [.infinity, .nan]))
                    machine.restore(memory, at: Fixture.at(0))
                    #expect(machine.remainingOpen(at: Fixture.at(0)) <= .seconds(30))
                    #expect(machine.adaptive?.normal == 0.02 && machine.slowness?.normal == nil)
                    for second in 0..<50 {
                        machine.call(.failure(), took: .zero, at: Fixture.at(Double(second)))
                    }
                    #expect(machine.openings > 0)
                }
            }
        }
    }

    @Test(arguments: [
        (Double.infinity, 0, 0.2), (10, 20, 0.2), (10, -1, 0.2), (10, 1, .nan), (10, 1, 1.5),
        (.nan, .nan, 0.2),
    ])
    func `a failure rate that cannot have been learned is not taken over`(
        calls: Double, failures: Double, normal: Double
    ) {
        var threshold = AdaptiveThreshold(.init(), at: Fixture.at(0))
        let before = threshold.learned
        threshold.takeOver(.init(calls: calls, failures: failures, normal: normal), at: Fixture.at(0))
        #expect(threshold.learned == before)
    }

    @Test func `a breaker that is isolated stays so, and takes over only what is normal`() throws {
        var old = Fixture.machine(Self.learning)
        for second in 0..<600 { old.call(.success, took: .seconds(1), at: Fixture.at(Double(second))) }
        let memory = try #require(old.memory(at: Fixture.at(600)))
        var machine = Fixture.machine(Self.learning)
        _ = machine.isolate(at: Fixture.at(0))
        #expect(machine.memory(at: Fixture.at(0)) == nil)
        machine.restore(memory, at: Fixture.at(0))
        #expect(machine.state == .isolated && machine.slowness?.normal == old.slowness?.normal)
    }

    @Test func `calls in flight become late`() throws {
        var machine = Fixture.machine()
        let memory = try #require(machine.memory(at: Fixture.at(0)))
        let inFlight = machine.ticket(at: Fixture.at(0)), ticket = try #require(inFlight)
        machine.restore(memory, at: Fixture.at(0))
        _ = machine.record(.failure(), of: ticket, at: Fixture.at(0))
        #expect(machine.late == 1 && machine.counts.calls == 0)
    }
}
