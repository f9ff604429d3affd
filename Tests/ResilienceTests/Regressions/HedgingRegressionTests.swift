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

    /// The same on the clock of a simulation, which moves when nobody can go on.
    private static func hedge(
        _ delay: HedgePolicy.Delay = .fixed(.seconds(1)), _ hedges: Int = 1, budget: RetryBudget? = nil,
        in simulation: Simulation, onEvent: (@Sendable (HedgeEvent) -> Void)? = nil
    ) -> Hedge {
        Hedge(
            "hedge", policy: HedgePolicy(delay: delay, maximumHedges: hedges), budget: budget,
            time: simulation.time, spawner: simulation.spawner, onEvent: onEvent)
    }

    /// What a call gives in a simulation without failures, and when it ends.
    private func simulate<Value: Sendable>(
        seed: UInt64 = 1, _ call: @escaping @Sendable (Simulation) async throws -> Value
    ) throws -> (result: Result<Value, any Error>, at: Duration, sleepers: Int) {
        try Simulation.run(seed: seed, policy: .calm) { simulation in
            let result: Result<Value, any Error>
            do { result = .success(try await call(simulation)) } catch { result = .failure(error) }
            let end = simulation.time.now.sinceOrigin, sleepers = simulation.clock.sleepers
            await simulation.untilIdle()
            return (result, end, sleepers)
        }
    }

    private static func timedHedge(in simulation: Simulation) -> Pipeline<Layered<Hedge, Timeout>> {
        Pipeline {
            hedge(in: simulation)
            Timeout("timeout", after: .seconds(2), time: simulation.time, spawner: simulation.spawner)
        }
    }

    @Test func `Polly #1340: the time limit of one attempt does not end another`() throws {
        let call = try simulate { simulation in
            let time = simulation.time
            return try await Self.timedHedge(in: simulation).runInTask { (context: CallContext) in
                try await time.sleep(for: context.attempt == 0 ? .seconds(60) : .seconds(1.9))
                return context.attempt
            }
        }
        #expect(try call.result.get() == 1)
        #expect(call.at == .seconds(2.9), "after the first attempt's time was up")
    }

    @Test func `Polly #3086: a time limit inside surfaces as itself, the caller's cancellation as one`()
        throws
    {
        func call(cancelledAfter moment: Duration? = nil) throws -> Result<Void, any Error> {
            try simulate { simulation in
                let call = simulation.start(cancellable: false) {
                    try await Self.timedHedge(in: simulation).runInTask {
                        try await simulation.time.sleep(for: .seconds(60))
                    }
                }
                if let moment {
                    try await simulation.time.sleep(for: moment)
                    call.cancel()
                }
                try await call.result.get()
            }.result
        }
        #expect(throws: Rejection(.timedOut, strategy: "timeout")) { try call().get() }
        for moment in [Duration.milliseconds(500), .milliseconds(1500), .milliseconds(2500)] {
            #expect(throws: CancellationError.self) { try call(cancelledAfter: moment).get() }
        }
    }

    @Test func `Polly #1625: the event of a hedge comes when it begins, once for each`() throws {
        let moments = Recorder<[Int]>(), begun = Recorder<[Int]>()
        let call = try simulate { simulation in
            let time = simulation.time
            let hedge = Self.hedge(.fixed(.seconds(1)), 2, in: simulation) { event in
                moments.record([event.attempt, Int(time.now.sinceOrigin / .seconds(1))])
            }
            return try await hedge.run { attempt in
                begun.record([attempt, Int(time.now.sinceOrigin / .seconds(1))])
                try await time.sleep(for: .seconds(10))
                return attempt
            }
        }
        #expect(try call.result.get() == 0)
        #expect(moments.events == [[1, 1], [2, 2]])
        #expect(begun.events == [[0, 0], [1, 1], [2, 2]])
    }

    @Test func `failsafe-go #141: a spent budget leaves the next hedge out and lets those that run go on`()
        throws
    {
        let events = Recorder<Bool>(), cancelled = Recorder<Int>()
        let call = try simulate { simulation in
            let time = simulation.time
            let budget = RetryBudget(.init(ratio: 1, minimumPerSecond: 0), time: time)
            let hedge = Self.hedge(.fixed(.seconds(1)), 3, budget: budget, in: simulation) {
                events.record($0.isAllowed)
            }
            return try await hedge.run { attempt in
                do { try await time.sleep(for: attempt == 1 ? .seconds(5) : .seconds(60)) } catch {
                    cancelled.record(attempt)
                    throw error
                }
                return attempt
            }
        }
        // The call itself has paid for one hedge; the second is refused while two attempts run.
        #expect(try call.result.get() == 1)
        #expect(events.events == [true, false] && cancelled.events == [0])
        #expect(call.at == .seconds(6))
    }

    @Test func `failsafe-go #134: nothing of a call is left behind when it has ended`() throws {
        for seed in 0..<20 as Range<UInt64> {
            var chance = Chance(seed: seed)
            let times = (0..<4).map { _ in Duration.milliseconds(Int(chance.unit() * 4000)) }
            let fails = (0..<4).map { _ in chance.unit() < 0.5 }, running = Book(0)
            let call = try simulate(seed: seed) { simulation in
                let time = simulation.time
                _ = try? await Self.hedge(.fixed(.seconds(1)), 3, in: simulation).run { attempt in
                    running { $0 += 1 }
                    defer { running { $0 -= 1 } }
                    try await time.sleep(for: times[attempt])
                    if fails[attempt] { throw Failed(number: attempt) }
                    return attempt
                }
                simulation.expect(running { $0 } == 0, "an attempt runs on")
            }
            // But the one sleeper that all calls of a hedge share, which ends when it wakes.
            #expect(call.sleepers <= 1, "seed \(seed)")
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
