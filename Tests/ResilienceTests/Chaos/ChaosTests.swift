import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

@Suite(.timeLimit(.minutes(1))) struct ChaosTests {
    private struct Down: Error, Equatable { var number = 0 }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }
    private let log = Recorder<ChaosEvent>()
    private let always = ChaosPolicy(rate: 1, isEnabled: true)

    /// Every strategy, with what it tells in `log`.
    private func all(_ policy: ChaosPolicy) -> [any ChaosStrategy] {
        [
            ChaosFault("f", throwing: Down(), policy: policy, onEvent: log.record),
            ChaosLatency("l", waiting: .seconds(1), policy: policy, time: time, onEvent: log.record),
            ChaosOutcome("o", answering: 0, policy: policy, onEvent: log.record),
            ChaosBehavior("b", policy: policy, onEvent: log.record) { _ in throw Down() },
        ]
    }

    // MARK: The draw

    @Test func `it is off by default, and disturbs one call in a thousand when it is on`() async throws {
        #expect(ChaosPolicy() == ChaosPolicy(rate: 0.001, isEnabled: false))
        for strategy in all(ChaosPolicy(rate: 1)) {
            for _ in 0..<100 { #expect(try await strategy.run(CallContext()) { _ in 7 } == 7) }
        }
        #expect(log.events.isEmpty)
    }

    @Test func `a rate of 0 disturbs no call and a rate of 1 every one`() {
        for (rate, expected) in [(0.0, 0), (-1, 0), (.nan, 0), (1, 20_000), (7, 20_000)] {
            var dice = ChaosDice.StateMachine(
                ChaosPolicy(rate: rate, isEnabled: true), chance: Chance(seed: 1))
            let struck = (0..<20_000).count { _ in dice.strikes(rate: nil) }
            #expect(struck == expected, "rate \(rate)")
        }
    }

    /// With a fair draw the squared deviation, in terms of its variance, is above 10.8 once in a thousand seeds.
    @Test(arguments: [0.001, 0.05, 0.5, 0.93], 1...10 as ClosedRange<UInt64>)
    func `the share of disturbed calls is the rate`(rate: Double, seed: UInt64) {
        let calls = 20_000
        var dice = ChaosDice.StateMachine(
            ChaosPolicy(rate: rate, isEnabled: true), chance: Chance(seed: seed))
        let struck = Double((0..<calls).count { _ in dice.strikes(rate: nil) })
        let expected = Double(calls) * rate
        let squares = (struck - expected) * (struck - expected) / (expected * (1 - rate))
        #expect(squares < 10.8, "seed \(seed): \(struck) of \(expected)")
    }

    @Test func `disturbed calls do not come in runs`() {
        var dice = ChaosDice.StateMachine(
            ChaosPolicy(rate: 0.5, isEnabled: true), chance: Chance(seed: 4))
        var counts = [0, 0, 0, 0], last = 0
        for _ in 0..<40_000 {
            let now = dice.strikes(rate: nil) ? 1 : 0
            counts[last * 2 + now] += 1
            last = now
        }
        // Chi-square of four equal cells, three degrees of freedom: above 16.3 once in a thousand.
        let squares = counts.reduce(0.0) { $0 + (Double($1) - 10_000) * (Double($1) - 10_000) / 10_000 }
        #expect(squares < 16.3, "\(counts)")
    }

    @Test func `an equal seed disturbs the same calls, a higher rate those and more`() {
        func struck(_ rate: Double, seed: UInt64) -> Set<Int> {
            var dice = ChaosDice.StateMachine(
                ChaosPolicy(rate: rate, isEnabled: true), chance: Chance(seed: seed))
            return Set((0..<1000).filter { _ in dice.strikes(rate: nil) })
        }
        #expect(struck(0.2, seed: 9) == struck(0.2, seed: 9))
        #expect(struck(0.2, seed: 9) != struck(0.2, seed: 10))
        #expect(struck(0.2, seed: 9).isStrictSubset(of: struck(0.4, seed: 9)))
    }

    @Test func `the switch and the policy may be changed between calls`() async throws {
        for strategy in all(ChaosPolicy(rate: 1)) where strategy.name != "l" {
            func isDisturbed() async -> Bool {
                (try? await strategy.run(CallContext()) { _ in 7 }) != 7
            }
            #expect(await !isDisturbed())
            strategy.isEnabled = true
            #expect(await isDisturbed())
            #expect(strategy.isEnabled && strategy.policy.isEnabled)
            strategy.reconfigure(ChaosPolicy(rate: 0, isEnabled: true))
            #expect(await !isDisturbed())
            strategy.reconfigure(always)
            #expect(await isDisturbed())
            strategy.reconfigure(ChaosPolicy(rate: 1))
            #expect(await !isDisturbed() && !strategy.isEnabled)
        }
        #expect(log.events.count == 6)
    }

    @Test func `the rate of a call takes the place of the policy's, and is not asked while chaos is off`()
        async throws
    {
        let asked = Recorder<Int>()
        let fault = ChaosFault(
            "f", throwing: Down(), policy: ChaosPolicy(rate: 1),
            rate: { context in
                asked.record(context.attempt)
                return context.attempt == 0 ? nil : 0
            })
        try await fault.run(CallContext(attempt: 5)) { _ in }
        #expect(asked.events.isEmpty)
        fault.isEnabled = true
        await #expect(throws: Down.self) { try await fault.run(CallContext()) { _ in } }
        try await fault.run(CallContext(attempt: 1)) { _ in }
        #expect(asked.events == [0, 1])
    }

    @Test func `each disturbed call is told once, with its attempt, before anything else happens`()
        async throws
    {
        let strategies = all(always), clock = clock
        for (number, strategy) in strategies.enumerated() {
            let call = Task {
                try? await strategy.run(CallContext(attempt: number)) { _ in 1 }
            }
            if strategy.name == "l" {
                await clock.untilSleepers(1)
                #expect(log.events.last?.injection == .latency(.seconds(1)))
                clock.advance(by: .seconds(1))
            }
            _ = await call.value
        }
        #expect(
            log.events == [
                ChaosEvent(strategy: "f", injection: .fault, attempt: 0),
                ChaosEvent(strategy: "l", injection: .latency(.seconds(1)), attempt: 1),
                ChaosEvent(strategy: "o", injection: .outcome, attempt: 2),
                ChaosEvent(strategy: "b", injection: .behavior, attempt: 3),
            ])
        #expect(
            log.events.map(\.kind) == ["chaos_fault", "chaos_latency", "chaos_outcome", "chaos_behavior"])
        #expect(Set(log.events.map(\.severity)) == [.information])
    }

    // MARK: Faults

    @Test func `a fault is thrown as it is, and the call is not made`() async throws {
        let calls = Recorder<Int>()
        let fault = ChaosFault("f", policy: always, onEvent: log.record) { context in
            context.attempt == 2 ? nil : Down(number: context.attempt)
        }
        for attempt in 0..<2 {
            await #expect(throws: Down(number: attempt)) {
                try await fault.run(CallContext(attempt: attempt)) { _ in calls.record(attempt) }
            }
        }
        #expect(calls.events.isEmpty)
        try await fault.run(CallContext(attempt: 2)) { _ in calls.record(2) }
        #expect(calls.events == [2])
        #expect(log.events.count == 2, "a call that is let through is not told")
    }

    @Test func `in a pipeline the layers outside see the fault as the call's own error`() async throws {
        var policy = CircuitBreakerPolicy()
        policy.consecutiveFailures = 3
        let breaker = CircuitBreaker("breaker", policy: policy, time: time)
        let outage = ChaosFault("outage", throwing: Down(), policy: always)
        let pipeline = Pipeline {
            Retry(
                "retry",
                policy: RetryPolicy(maximumAttempts: 9, backoff: Backoff(base: .zero, jitter: .none)),
                time: time)
            breaker
            outage
        }
        await #expect(throws: Rejection.self) { try await pipeline.run {} }
        #expect(breaker.snapshot.state == .open)
        let erased = ErasedPipeline("e", [outage])
        await #expect(throws: Down.self) { try await erased.run {} }
    }

    // MARK: Latency

    @Test func `a call waits 30 s by default and is made then`() async throws {
        let latency = ChaosLatency("l", policy: always, time: time), calls = Recorder<Instant>()
        let clock = clock
        let call = Task { try await latency.run(CallContext()) { _ in calls.record(clock.now) } }
        await clock.untilSleepers(1)
        #expect(clock.nextDeadline == Instant(sinceOrigin: .seconds(30)))
        clock.advance(by: .seconds(29))
        #expect(calls.events.isEmpty)
        clock.advance(by: .seconds(1))
        try await call.value
        #expect(calls.events == [Instant(sinceOrigin: .seconds(30))])
    }

    @Test func `a call that is cancelled while it waits ends at once and is not made`() async throws {
        let latency = ChaosLatency("l", policy: always, time: time), calls = Recorder<Int>()
        let call = Task { try await latency.run(CallContext()) { _ in calls.record(1) } }
        await clock.untilSleepers(1)
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(calls.events.isEmpty && clock.sleepers == 0)
    }

    @Test(arguments: [nil, .zero, .seconds(-1)] as [Duration?])
    func `no latency is no wait and no event`(wait: Duration?) async throws {
        let latency = ChaosLatency(
            "l", policy: always, time: time, onEvent: log.record, latency: { _ in wait })
        #expect(try await latency.run(CallContext()) { _ in 1 } == 1)
        #expect(log.events.isEmpty)
    }

    @Test func `a timeout outside ends the wait`() async throws {
        let pipeline = Pipeline {
            Timeout("timeout", after: .seconds(2), time: time)
            ChaosLatency("l", policy: always, time: time)
        }
        let call = Task { try await pipeline.runInTask { Issue.record("the call was made") } }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(2))
        await #expect(throws: Rejection(.timedOut, strategy: "timeout")) { try await call.value }
    }

    // MARK: Outcomes

    @Test func `a call is answered without being made`() async throws {
        let empty = ChaosOutcome("o", policy: always) { context in [context.attempt] }
        #expect(
            try await empty.run {
                Issue.record("the call was made")
                return [9]
            } == [0])
        #expect(
            try await empty.run(CallContext(attempt: 3)) { _ -> [Int] in
                Issue.record("the call was made")
                return [9]
            } == [3])
        empty.isEnabled = false
        #expect(try await empty.run { [9] } == [9])
    }

    @Test func `a call for another type of value is made undisturbed, and told as a misfit`() async throws {
        let zero = ChaosOutcome("o", answering: 0, policy: always, onEvent: log.record)
        #expect(try await zero.run(CallContext()) { _ in "word" } == "word")
        try await zero.run(CallContext()) { _ in }
        #expect(log.events.map(\.kind) == ["chaos_misfit", "chaos_misfit"])
        #expect(log.events.map(\.severity) == [.warning, .warning])
    }

    @Test func `an answer fits wider types too, and nil is an answer`() async throws {
        let zero = ChaosOutcome("o", answering: 0, policy: always, onEvent: log.record)
        #expect(try await zero.run(CallContext()) { _ -> Int? in nil } == 0)
        #expect(try await zero.run(CallContext()) { _ -> any Sendable in "word" } as? Int == 0)
        let none = ChaosOutcome("n", answering: Int?.none, policy: always, onEvent: log.record)
        #expect(try await none.run(CallContext()) { _ -> Int? in 5 } == nil)
        #expect(try await none.run { 5 } == nil)
        #expect(log.events.allSatisfy { $0.injection == .outcome } && log.events.count == 4)
        #expect(try await none.run(CallContext()) { _ in 5 } == 5, "nil is no Int")
        #expect(log.events.last?.injection == .misfit)
    }

    // MARK: Behaviour

    @Test func `something is done before the call, which is made then`() async throws {
        let order = Recorder<String>()
        let behavior = ChaosBehavior("b", policy: always) { order.record("behaviour \($0.attempt)") }
        try await behavior.run(CallContext(attempt: 2)) { _ in order.record("call") }
        #expect(order.events == ["behaviour 2", "call"])
    }

    @Test func `an error of what is done is the call's error`() async throws {
        let behavior = ChaosBehavior("b", policy: always) { _ in throw Down(number: 4) }
        await #expect(throws: Down(number: 4)) {
            try await behavior.run(CallContext()) { _ in Issue.record("the call was made") }
        }
    }
}
