import ResilienceTesting
import Testing

@testable import Resilience

/// Timeouts within the deadline of a layer outside.
@Suite struct TimeoutDeadlineTests {
    /// How a call that never ends by itself ends, and when.
    private static func end(
        seed: UInt64 = 1, _ call: @escaping @Sendable (Simulation) async throws -> Void
    ) throws -> (error: (any Error)?, at: Duration) {
        try Simulation.run(seed: seed, policy: .calm) { simulation in
            var failure: (any Error)?
            do { try await call(simulation) } catch { failure = error }
            let end = simulation.time.now.sinceOrigin
            await simulation.untilIdle()
            return (failure, end)
        }
    }

    private static func timeout(
        _ name: String, _ limit: Duration, in simulation: Simulation
    ) -> Timeout {
        Timeout(name, after: limit, time: simulation.time, spawner: simulation.spawner)
    }

    @Test(arguments: [(1, 1), (2, 2), (3, 2)])
    func `the earlier of the limit and the deadline outside ends a call`(deadline: Int, end: Int) throws {
        let rejection = Rejection(.timedOut, strategy: "timeout")
        let layered = try Self.end { simulation in
            let pipeline = Pipeline {
                Deadline("deadline", after: .seconds(deadline), time: simulation.time)
                Self.timeout("timeout", .seconds(2), in: simulation)
            }
            try await pipeline.runInTask { context in
                simulation.expect(context.deadline?.sinceOrigin == .seconds(end), "\(context)")
                try await simulation.time.sleep(for: .seconds(60))
            }
        }
        #expect(layered.error as? Rejection == rejection && layered.at == .seconds(end))
        let alone = try Self.end { simulation in
            let deadline = simulation.time.now.advanced(by: .seconds(deadline))
            try await Self.timeout("timeout", .seconds(2), in: simulation).run(deadline: deadline) {
                try await simulation.time.sleep(for: .seconds(60))
            }
        }
        #expect(alone.error as? Rejection == rejection && alone.at == .seconds(end))
    }

    @Test(arguments: [0, -5])
    func `a call whose deadline has passed is rejected before it begins`(left: Int) throws {
        let ran = Recorder<Void>()
        let call = try Self.end { simulation in
            let context = CallContext(deadline: simulation.time.now.advanced(by: .seconds(left)))
            try await Self.timeout("timeout", .seconds(2), in: simulation)
                .run(context, concurrently: { _ in ran.record(()) })
        }
        #expect(call.error as? Rejection == Rejection(.deadlinePassed, strategy: "timeout"))
        #expect(ran.events.isEmpty && call.at == .zero)
    }

    @Test func `when the time of a timeout outside is up it says so, whichever rings first`() throws {
        for seed in 0..<100 as Range<UInt64> {
            let call = try Self.end(seed: seed) { simulation in
                let pipeline = Pipeline {
                    Self.timeout("outer", .seconds(2), in: simulation)
                    Self.timeout("inner", .seconds(3), in: simulation)
                }
                try await pipeline.runInTask { try await simulation.time.sleep(for: .seconds(60)) }
            }
            #expect(call.error as? Rejection == Rejection(.timedOut, strategy: "outer"), "seed \(seed)")
            #expect(call.at == .seconds(2), "seed \(seed)")
        }
    }

    @Test func `a timeout inside whose own time is up says so`() throws {
        let call = try Self.end { simulation in
            let pipeline = Pipeline {
                Self.timeout("outer", .seconds(3), in: simulation)
                Self.timeout("inner", .seconds(2), in: simulation)
            }
            try await pipeline.runInTask { try await simulation.time.sleep(for: .seconds(60)) }
        }
        #expect(call.error as? Rejection == Rejection(.timedOut, strategy: "inner") && call.at == .seconds(2))
    }
}
