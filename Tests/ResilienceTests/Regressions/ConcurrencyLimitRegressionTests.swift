import Testing

@testable import Resilience

/// What broke in other adaptive limits.
@Suite struct ConcurrencyLimitRegressionTests {
    @Test func `failsafe-go 0.9.2: a call that is cancelled gives its place back and counts as nothing`()
        async throws
    {
        let limiter = ConcurrencyLimiter("test", policy: ConcurrencyLimitPolicy(initial: 1))
        for _ in 0..<100 {
            let task = Task {
                let permit = try limiter.enter()
                while !Task.isCancelled { await Task.yield() }
                try Task.checkCancellation()
                permit.success(latency: .seconds(100))
            }
            await until { limiter.snapshot.inFlight > 0 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        #expect(
            limiter.snapshot
                == ConcurrencyLimiter.Snapshot(limit: 1, inFlight: 0, baseline: nil, isProbing: false))
    }

    @Test(arguments: SimulatedServer.algorithms)
    func `concurrency-limits 95: the limit that is shown is the one in force`(
        algorithm: ConcurrencyLimitPolicy.Algorithm
    ) throws {
        var machine = SimulatedServer.limit(algorithm), chance = Chance(seed: 3)
        for _ in 0..<3000 {
            machine.sample(
                1e6 * (1 + chance.unit()), inFlight: machine.limit, dropped: chance.next() % 50 == 0)
            var copy = machine, entered = 0
            while entered <= machine.limit, copy.enter() != nil { entered += 1 }
            #expect(entered == machine.limit)
        }
    }

    @Test func `concurrency-limits 134: the gradient does not climb for ever under a mild overload`() {
        var server = SimulatedServer(machine: SimulatedServer.limit(.gradient()), capacity: 40)
        server.serve(30_000)
        // Twice the capacity and a little: the tolerance of 1.5, and what the baseline may drift.
        #expect(server.highest < 80)
        // An overload that the limit has no part in, between two probes: it shrinks.
        var machine = SimulatedServer.limit(.gradient(.init(probe: nil)), initial: 40)
        for _ in 0..<100 { machine.sample(10e6, inFlight: 5, dropped: false) }
        for _ in 0..<5000 {
            machine.sample(19e6, inFlight: machine.limit, dropped: false)
            #expect(machine.limit <= 40)
        }
        #expect(machine.limit < 10)
    }

    @Test func `concurrency-limits 165: the least latency of Vegas does not drift up under load`() {
        var server = SimulatedServer(machine: SimulatedServer.limit(.vegas()), capacity: 40)
        server.serve(40_000)
        #expect(server.highest < 60)
        #expect(server.machine.baseline == 10e6)
    }

    @Test func `concurrency-limits 35: Vegas ramps up quickly when there is no queue`() {
        var server = SimulatedServer(
            machine: SimulatedServer.limit(.vegas(.init(probe: nil))), capacity: 10_000)
        server.serve(50)
        #expect(server.highest > 200)
    }
}
