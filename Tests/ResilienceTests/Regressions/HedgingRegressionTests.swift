import ResilienceTesting
import Testing

@testable import Resilience

/// What broke in other hedges.
@Suite struct HedgingRegressionTests {
    private struct Failed: Error, Equatable { var number: Int }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    private func hedge(
        _ delay: HedgePolicy.Delay = .fixed(.seconds(1)), _ hedges: Int = 1, budget: RetryBudget? = nil,
        onEvent: (@Sendable (HedgeEvent) -> Void)? = nil
    ) -> Hedge {
        Hedge(
            "hedge", policy: HedgePolicy(delay: delay, maximumHedges: hedges), budget: budget, time: time,
            onEvent: onEvent)
    }

    /// Moves the clock from sleeper to sleeper until the task has ended.
    private func finish<Value>(_ task: Task<Value, any Error>) async throws -> Value {
        let ended = Recorder<Void>()
        async let value = {
            defer { ended.record(()) }
            return try await task.value
        }()
        while ended.events.isEmpty {
            // Whoever was woken gets the time to fall asleep again or to end.
            for _ in 0..<200 { await Task.yield() }
            if ended.events.isEmpty { clock.advanceToNextSleeper() }
        }
        return try await value
    }

    @Test func `Polly #1340: the time limit of one attempt does not end another`() async throws {
        let time = time
        let pipeline = Pipeline {
            hedge()
            Timeout("timeout", after: .seconds(2), time: time)
        }
        let answer = Task {
            try await pipeline.runInTask { (context: CallContext) in
                try await time.sleep(for: context.attempt == 0 ? .seconds(60) : .seconds(1.9))
                return context.attempt
            }
        }
        #expect(try await finish(answer) == 1)
        #expect(clock.now.sinceOrigin == .seconds(2.9), "after the first attempt's time was up")
    }

    @Test func `Polly #3086: a time limit inside surfaces as itself, the caller's cancellation as one`()
        async throws
    {
        let time = time
        let pipeline = Pipeline {
            hedge()
            Timeout("timeout", after: .seconds(2), time: time)
        }
        func call() -> Task<Int, any Error> {
            Task {
                try await pipeline.runInTask {
                    try await time.sleep(for: .seconds(60))
                    return 0
                }
            }
        }
        await #expect(throws: Rejection(.timedOut, strategy: "timeout")) { try await finish(call()) }
        let cancelled = call()
        await clock.untilSleepers(3)
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
    }

    @Test func `Polly #1625: the event of a hedge comes when it begins, once for each`() async throws {
        let clock = clock, time = time, moments = Recorder<[Int]>(), begun = Recorder<[Int]>()
        let hedge = hedge(.fixed(.seconds(1)), 2) { event in
            moments.record([event.attempt, Int(clock.now.sinceOrigin / .seconds(1))])
        }
        let answer = Task {
            try await hedge.run { attempt in
                begun.record([attempt, Int(clock.now.sinceOrigin / .seconds(1))])
                try await time.sleep(for: .seconds(10))
                return attempt
            }
        }
        #expect(try await finish(answer) == 0)
        #expect(moments.events == [[1, 1], [2, 2]])
        #expect(begun.events == [[0, 0], [1, 1], [2, 2]])
    }

    @Test func `failsafe-go #141: a spent budget leaves the next hedge out and lets those that run go on`()
        async throws
    {
        let budget = RetryBudget(.init(ratio: 1, minimumPerSecond: 0), time: time), time = time
        let events = Recorder<Bool>(), cancelled = Recorder<Int>()
        let hedge = hedge(.fixed(.seconds(1)), 3, budget: budget) { events.record($0.isAllowed) }
        let answer = Task {
            try await hedge.run { attempt in
                do { try await time.sleep(for: attempt == 1 ? .seconds(5) : .seconds(60)) } catch {
                    cancelled.record(attempt)
                    throw error
                }
                return attempt
            }
        }
        // The call itself has paid for one hedge; the second is refused while two attempts run.
        #expect(try await finish(answer) == 1)
        #expect(events.events == [true, false] && cancelled.events == [0])
        #expect(clock.now.sinceOrigin == .seconds(6))
    }

    @Test func `failsafe-go #134: nothing of a call is left behind when it has ended`() async throws {
        let time = time
        for seed in 0..<20 as Range<UInt64> {
            var chance = Chance(seed: seed)
            let times = (0..<4).map { _ in Duration.milliseconds(Int(chance.unit() * 4000)) }
            let fails = (0..<4).map { _ in chance.unit() < 0.5 }, hedge = hedge(.fixed(.seconds(1)), 3)
            let answer = Task {
                try await hedge.run { attempt in
                    try await time.sleep(for: times[attempt])
                    if fails[attempt] { throw Failed(number: attempt) }
                    return attempt
                }
            }
            _ = try? await finish(answer)
            // But the one sleeper that all calls of a hedge share, which ends when it wakes.
            #expect(clock.sleepers <= 1, "seed \(seed)")
            clock.advance(by: .seconds(1))
            #expect(await until { clock.sleepers == 0 }, "seed \(seed)")
        }
    }

    @Test func `failsafe-go #65: a retry's next attempt is not cancelled by the hedges of the last one`()
        async throws
    {
        let cancelled = Recorder<Bool>(), runs = Recorder<Int>(), time = time
        let pipeline = Pipeline {
            Retry("retry", policy: RetryPolicy(backoff: Backoff(base: .zero)), time: time)
            hedge(.fixed(.zero), 2)
        }
        let call = Task {
            try await pipeline.runInTask { (context: CallContext) in
                runs.record(context.attempt)
                if runs.events.count <= 3 {
                    // The first attempt fails when its hedges have failed.
                    if context.attempt == 0 { try await time.sleep(for: .seconds(1)) }
                    throw Failed(number: context.attempt)
                }
                cancelled.record(Task.isCancelled)
                return context.attempt
            }
        }
        await until { runs.events == [0, 1, 2] && clock.sleepers == 1 }
        clock.advance(by: .seconds(1))
        #expect((0...2).contains(try await call.value) && cancelled.events.first == false)
    }

    @Test func `failsafe-go #123: what the winner gives can be read after the call`() async throws {
        let ends = Recorder<String>()
        let stream = try await hedge().run { _ in
            AsyncStream<Int> { continuation in
                continuation.onTermination = { ends.record("\($0)") }
                for number in 0..<5 { continuation.yield(number) }
                continuation.finish()
            }
        }
        var numbers: [Int] = []
        for await number in stream { numbers.append(number) }
        #expect(numbers == [0, 1, 2, 3, 4] && ends.events == ["finished"])
    }

    @Test func `Opossum #825: no hedges is a setting`() async throws {
        let policy = HedgePolicy(delay: .fixed(.zero), maximumHedges: 0), calls = Recorder<Int>()
        await #expect(throws: Failed(number: 0)) {
            try await Hedge("hedge", policy: policy, time: time).run { attempt -> Int in
                calls.record(attempt)
                throw Failed(number: attempt)
            }
        }
        #expect(policy.maximumHedges == 0 && calls.events == [0])
    }
}
