import ResilienceTesting
import Testing

@testable import Resilience

/// What broke in other circuit breakers.
@Suite struct CircuitBreakerRegressionTests {
    private struct Unexpected: Error {}
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

    private func succeed(_ breaker: CircuitBreaker) throws {
        let permit = try breaker.admit()
        permit.settle(.success)
    }

    // MARK: Polly

    @Test func `polly #1979, #1991: a probe that throws what nobody expects does not leave it half-open`()
        async throws
    {
        let breaker = breaker()
        try fail(breaker, times: 2)
        clock.advance(by: .seconds(5))
        await #expect(throws: Unexpected.self) { try await breaker.run { throw Unexpected() } }
        #expect(breaker.snapshot.state == .open)
        clock.advance(by: .seconds(10))
        // Nor does one that is cancelled close it.
        await #expect(throws: CancellationError.self) { try await breaker.run { throw CancellationError() } }
        #expect(breaker.snapshot.state == .halfOpen)
        try succeed(breaker)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `polly #216, opossum #119: while the probe runs no other call is let in`() throws {
        let breaker = breaker()
        try fail(breaker, times: 2)
        clock.advance(by: .seconds(5))
        let probe = try breaker.admit()
        for _ in 0..<100 { #expect(throws: Rejection.self) { _ = try breaker.admit() } }
        probe.settle(.success)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `polly #219: failures of calls from before the opening open it once`() throws {
        let breaker = breaker()
        let slow = try breaker.admit(), slower = try breaker.admit()
        try fail(breaker, times: 2)
        slow.settle(.failure())
        clock.advance(by: .seconds(5))
        let probe = try breaker.admit()
        slower.settle(.failure())
        probe.settle(.success)
        #expect(events.events.map(\.to) == [.open, .halfOpen, .closed])
    }

    @Test func `polly #217: results of an earlier state change nothing`() throws {
        let breaker = breaker()
        let early = try breaker.admit(), other = try breaker.admit()
        try fail(breaker, times: 2)
        early.settle(.success)
        #expect(breaker.snapshot.state == .open)
        clock.advance(by: .seconds(5))
        let probe = try breaker.admit()
        other.settle(.failure())
        #expect(breaker.snapshot.state == .halfOpen, "a failure from before the opening must not reopen it")
        probe.settle(.success)
        #expect(breaker.snapshot.state == .closed && breaker.snapshot.late == 2)
    }

    @Test func `polly #1852: each opening lasts as long as the policy says for it`() throws {
        let breaker = breaker { $0.open.steps = [.seconds(3), .seconds(1), .seconds(7)] }
        try fail(breaker, times: 2)
        var times = [breaker.snapshot.remainingOpen]
        for _ in 0..<3 {
            clock.advance(by: breaker.snapshot.remainingOpen)
            try fail(breaker)
            times.append(breaker.snapshot.remainingOpen)
        }
        #expect(times == [.seconds(3), .seconds(1), .seconds(7), .seconds(7)])
    }

    @Test(arguments: [1e300, .infinity, .nan, -1])
    func `polly #1866, #2163: an open time that overflows is the maximum, none is negative`(factor: Double) {
        var machine = Fixture.machine {
            $0.open.multiplier = factor
            $0.open.jitter = 0.5
        }
        var now = Instant()
        machine.trip(at: now)
        for _ in 0..<1100 {
            let time = machine.remainingOpen(at: now)
            guard time >= .zero, time <= .seconds(45) else {
                Issue.record("\(time)")
                return
            }
            now = now.advanced(by: time)
            machine.call(.failure(), at: now)
        }
        if factor > 1 { #expect(machine.remainingOpen(at: now) >= .seconds(15)) }
    }

    @Test func `polly #1878: a rejection does not grow with their number`() throws {
        let breaker = breaker()
        breaker.isolate()
        func rejection() -> Rejection? {
            do throws(Rejection) {
                let permit = try breaker.admit()
                permit.settle(.ignored)
                return nil
            } catch {
                return error
            }
        }
        let first = try #require(rejection())
        for _ in 0..<10_000 { _ = rejection() }
        #expect(rejection() == first && "\(first)" == "test: isolated")
    }

    // MARK: resilience4j

    @Test func `resilience4j #544: an ignored last probe does not leave it half-open`() throws {
        let breaker = breaker { $0.verdict = .rate(calls: 2) }
        try fail(breaker, times: 2)
        clock.advance(by: .seconds(5))
        try succeed(breaker)
        for _ in 0..<5 {
            let probe = try breaker.admit()
            probe.settle(.ignored)
        }
        #expect(breaker.snapshot.state == .halfOpen)
        try succeed(breaker)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `resilience4j #903: a permit that is dropped gives its place back`() throws {
        let breaker = breaker()
        try fail(breaker, times: 2)
        clock.advance(by: .seconds(5))
        for _ in 0..<10 { _ = try breaker.admit() }
        #expect(breaker.snapshot.state == .halfOpen)
        try succeed(breaker)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `resilience4j #935, #1389: half-open without a verdict begins anew after its maximum`() throws
    {
        let breaker = breaker {
            $0.probeLease = nil
            $0.maximumHalfOpen = .seconds(8)
        }
        try fail(breaker, times: 2)
        clock.advance(by: .seconds(5))
        let lost = try breaker.admit()
        clock.advance(by: .seconds(8))
        let next = try breaker.admit()
        lost.settle(.success)
        #expect(breaker.snapshot.state == .halfOpen, "a late success must not close it")
        next.settle(.success)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `resilience4j #1432: callers that race for probes get no more than there are`() async throws {
        for _ in 0..<20 {
            let breaker = breaker { $0.verdict = .rate(calls: 3) }, passed = Recorder<Bool>()
            let clock = clock, over = clock.now.advanced(by: .seconds(30))
            try fail(breaker, times: 2)
            clock.advance(by: .seconds(5))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask { @concurrent in
                        do {
                            let permit = try breaker.admit()
                            passed.record(true)
                            try? await clock.sleep(until: over)
                            permit.settle(.ignored)
                        } catch {
                            passed.record(false)
                        }
                    }
                }
                await until { passed.events.count >= 50 }
                #expect(passed.events.count { $0 } == 3)
                clock.advance(to: over)
            }
        }
    }

    @Test func `resilience4j #646, #674, #562: triggers that race make a chain of changes without a gap`()
        async
    {
        let breaker = breaker { $0.open.first = .nanoseconds(1) }, clock = clock
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask { @concurrent in
                    var chance = Chance(seed: UInt64(task))
                    for _ in 0..<300 {
                        switch chance.next() % 8 {
                        case 0: breaker.open()
                        case 1: breaker.close()
                        case 2: breaker.halfOpen()
                        case 3: breaker.isolate().end()
                        case 4: breaker.disable()
                        case 5: breaker.reconfigure(Fixture.policy { $0.open.first = .nanoseconds(1) })
                        default:
                            clock.advance(by: .nanoseconds(1))
                            for _ in 0..<3 {
                                guard let permit = try? breaker.admit() else { continue }
                                permit.settle(chance.next() % 2 == 0 ? .success : .failure())
                            }
                        }
                    }
                }
            }
        }
        // Whatever their order: a state is left as often as it is entered, but for the first and the last.
        let final = breaker.snapshot.state, changes = events.events
        for state in [CircuitBreaker.State.closed, .open, .halfOpen, .isolated, .disabled] {
            let entered = changes.count { $0.to == state }, left = changes.count { $0.from == state }
            #expect(entered - left == (state == final ? 1 : 0) - (state == .closed ? 1 : 0), "\(state)")
        }
        #expect(changes.count > 100)
    }

    @Test func `resilience4j #991: no time moves an isolated breaker`() throws {
        let breaker = breaker()
        try fail(breaker, times: 2)
        breaker.isolate()
        for time in [Duration.seconds(5), .seconds(3600), .seconds(31_536_000)] {
            clock.advance(by: time)
            #expect(throws: Rejection(.isolated, strategy: "test")) { _ = try breaker.admit() }
            #expect(breaker.snapshot.state == .isolated)
        }
    }

    @Test func `resilience4j #351: no breaker waits for anything that could keep a process alive`() throws {
        let breaker = breaker()
        try fail(breaker, times: 2)
        #expect(clock.sleepers == 0)
        clock.advance(by: .seconds(5))
        let probe = try breaker.admit()
        #expect(clock.sleepers == 0)
        probe.settle(.success)
        #expect(clock.sleepers == 0 && breaker.snapshot.state == .closed)
    }

    @Test func `resilience4j #682: a cancelled call counts for nothing`() async throws {
        let breaker = breaker()
        for _ in 0..<10 {
            await #expect(throws: CancellationError.self) {
                try await breaker.run { throw CancellationError() }
            }
        }
        #expect(breaker.snapshot.calls == 0 && breaker.snapshot.state == .closed)
    }

    @Test(arguments: [(49, false), (50, true)])
    func `resilience4j release notes #6: the rate itself is enough, not only more`(failures: Int, opens: Bool)
        throws
    {
        let breaker = breaker {
            $0.window = .calls(100)
            $0.minimumCalls = 100
        }
        for _ in 0..<100 - failures { try succeed(breaker) }
        try fail(breaker, times: failures)
        #expect((breaker.snapshot.state == .open) == opens)
    }

    @Test
    func `resilience4j #1437: a breaker that only watches reports a change once, however many calls race`()
        async
    {
        let breaker = breaker {
            $0.window = .calls(1000)
            $0.shadow = true
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { @concurrent in
                    for _ in 0..<200 {
                        guard let permit = try? breaker.admit() else { continue }
                        permit.settle(.failure())
                    }
                }
            }
        }
        #expect(events.events.map(\.to) == [.open] && events.events.allSatisfy(\.shadow))
    }

    // MARK: Failsafe, gobreaker

    @Test func `failsafe #391: late results give no further probes`() throws {
        let breaker = breaker { $0.verdict = .consecutiveSuccesses(2) }
        let early = try breaker.admit(), other = try breaker.admit()
        try fail(breaker, times: 2)
        clock.advance(by: .seconds(5))
        let first = try breaker.admit(), second = try breaker.admit()
        early.settle(.success)
        other.settle(.ignored)
        #expect(throws: Rejection.self) { _ = try breaker.admit() }
        first.settle(.success)
        second.settle(.success)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `gobreaker #122: what comes too late to count is shown`() throws {
        let breaker = breaker()
        let late = try breaker.admit(), later = try breaker.admit()
        try fail(breaker, times: 2)
        late.settle(.success)
        later.settle(.failure())
        #expect(breaker.snapshot.late == 2)
    }

    @Test func `gobreaker #91: a burst that was let in before the first failure opens it once`() throws {
        var machine = Fixture.machine()
        let burst = (0..<100).compactMap { _ in machine.ticket(at: Fixture.at(0)) }
        let changes = burst.compactMap { machine.record(.failure(), of: $0, at: Fixture.at(1)) }
        #expect(burst.count == 100 && changes.map(\.to) == [.open])
        #expect(machine.openings == 1 && machine.remainingOpen(at: Fixture.at(1)) == .seconds(5))
    }

    // MARK: opossum, cockatiel

    @Test func `opossum #276: the number of calls below which no rate is judged does not hold up a verdict`()
        throws
    {
        let breaker = breaker {
            $0.window = .time(.seconds(30))
            $0.minimumCalls = 100
            $0.verdict = .rate(calls: 1)
        }
        for state in [CircuitBreaker.State.open, .closed] {
            breaker.halfOpen()
            if state == .open { try fail(breaker) } else { try succeed(breaker) }
            #expect(breaker.snapshot.state == state)
        }
    }

    @Test func `opossum #385, #719: after failures at the same moment it tries again in time`() throws {
        let breaker = breaker()
        let one = try breaker.admit(), two = try breaker.admit(), three = try breaker.admit()
        one.settle(.failure())
        two.settle(.failure())
        three.settle(.failure())
        #expect(breaker.snapshot.state == .open)
        clock.advance(by: .seconds(5))
        try succeed(breaker)
        #expect(breaker.snapshot.state == .closed)
    }

    @Test func `opossum #825: a zero in the policy is a zero`() {
        let now = Instant(), later = Fixture.at(5)
        var never = Fixture.machine { $0.failureRate = 0 }
        never.call(.success, at: now)
        never.call(.success, at: now)
        #expect(never.state == .open)
        var short = Fixture.machine { $0.open.first = .zero }
        short.trip(at: now)
        #expect(short.advance(at: now)?.to == .halfOpen)
        var forgetful = Fixture.machine { $0.open.decay = .zero }
        forgetful.trip(at: now)
        forgetful.call(.success, at: later)
        forgetful.trip(at: later)
        #expect(forgetful.openings == 1)
    }

    @Test(arguments: [CircuitBreakerPolicy.Window.calls(100_000), .time(.seconds(60)), .interval(nil)])
    func `opossum #484: counts are exact under load`(window: CircuitBreakerPolicy.Window) async {
        let breaker = breaker {
            $0.window = window
            $0.failureRate = nil
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { @concurrent in
                    for call in 0..<1000 {
                        guard let permit = try? breaker.admit() else { continue }
                        permit.settle(call % 4 == 0 ? .failure() : .success)
                    }
                }
            }
        }
        #expect(breaker.snapshot.calls == 8000 && breaker.snapshot.failures == 2000)
    }

    @Test func `cockatiel #64: after an idle time nothing stale is counted`() throws {
        for idle in [30, 31, 60, 3600] {
            let breaker = breaker {
                $0.window = .time(.seconds(30))
                $0.minimumCalls = 3
            }
            try fail(breaker, times: 2)
            clock.advance(by: .seconds(idle))
            try fail(breaker)
            #expect(breaker.snapshot.calls == 1 && breaker.snapshot.state == .closed, "after \(idle) s")
        }
    }

    @Test func `cockatiel #113: breakers that begin with the same memory share nothing`() throws {
        let old = breaker()
        try fail(old)
        let memory = try #require(old.memory), first = breaker(), second = breaker()
        first.restore(memory)
        second.restore(memory)
        try fail(first)
        #expect(first.snapshot.state == .open)
        #expect(
            second.snapshot.state == .closed && second.snapshot.failures == 1 && old.snapshot.failures == 1)
    }
}
