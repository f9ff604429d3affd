import Foundation
import Resilience
import ResilienceTesting
import Testing

@Suite struct SimulationTests {
    private func reason(
        seed: UInt64 = 1, _ policy: SimulationPolicy = .calm,
        _ body: @escaping @Sendable (Simulation) async throws -> Void
    ) -> SimulationFailure.Reason? {
        do throws(SimulationFailure) {
            try Simulation.run(seed: seed, policy: policy, body)
            return nil
        } catch {
            return error.reason
        }
    }

    private static let race: @Sendable (Simulation) async throws -> [Int] = { simulation in
        let order = Recorder<Int>()
        for number in 0..<6 {
            simulation.start("\(number)") {
                for _ in 0..<3 { await simulation.pause() }
                order.record(number)
            }
        }
        await simulation.untilIdle()
        return order.events
    }

    @Test func `seeds draw many orders, and each one the same again`() throws {
        var orders: Set<[Int]> = []
        for seed in 0..<200 as Range<UInt64> {
            let order = try Simulation.run(seed: seed, Self.race)
            #expect(try Simulation.run(seed: seed, Self.race) == order, "seed \(seed)")
            #expect(order.sorted() == Array(0..<6), "seed \(seed)")
            orders.insert(order)
        }
        #expect(orders.count > 50)
    }

    @Test func `time jumps, in the order of the sleepers, without waiting`() throws {
        let woken = Recorder<Int>()
        let end = try Simulation.run(seed: 3, policy: .calm) { simulation in
            for day in [3, 1, 2] {
                simulation.start {
                    try await simulation.time.sleep(for: .seconds(86_400 * day))
                    woken.record(day)
                }
            }
            await simulation.untilIdle()
            return simulation.clock.now.sinceOrigin
        }
        #expect(woken.events == [1, 2, 3])
        #expect(end == .seconds(3 * 86_400))
    }

    @Test func `structured children, actors and streams stay in the simulation`() throws {
        actor Account {
            var sum = 0
            func add(_ amount: Int) async {
                let before = sum
                await Task.yield()
                sum = before + amount
            }
        }
        let sums = try (1...100).map { seed in
            try Simulation.run(seed: UInt64(seed)) { simulation in
                let account = Account()
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<3 { group.addTask { await account.add(1) } }
                }
                let (stream, continuation) = AsyncStream<Int>.makeStream()
                async let last = stream.reduce(0) { $1 }
                continuation.yield(7)
                continuation.finish()
                let seven = await last
                simulation.expect(seven == 7, "lost")
                return await account.sum
            }
        }
        // What one thread would rarely show: an actor's method is not one step.
        #expect(Set(sums).count > 1)
    }

    @Test func `a wait that nobody ends is a deadlock, with who waits and the seed`() throws {
        let failure = try #require(throws: SimulationFailure.self) {
            try Simulation.run(seed: 42) { simulation in
                simulation.note("before")
                let call = simulation.start("lost call", cancellable: false) { await simulation.forever() }
                _ = await call.result
            }
        }
        guard case .deadlock(["body", "lost call"]) = failure.reason else {
            Issue.record("\(failure)")
            return
        }
        #expect(failure.seed == 42)
        #expect(failure.description.contains("HOLDFAST_SEED=42") && failure.description.contains("before"))
    }

    @Test func `what never ends is given up after the bound on steps`() {
        var policy = SimulationPolicy.calm
        policy.maximumSteps = 1000
        let reason = reason(policy) { simulation in
            while !Task.isCancelled { await simulation.pause() }
        }
        guard case .endless(["body"])? = reason else {
            Issue.record("\(String(describing: reason))")
            return
        }
    }

    @Test func `work and sleepers that outlive the body are leaks`() {
        let reason = reason { simulation in
            simulation.spawner.spawn { try? await simulation.time.sleep(for: .seconds(60)) }
            await simulation.pause()
        }
        guard case .leaked(["spawned work"], sleepers: 1)? = reason else {
            Issue.record("\(String(describing: reason))")
            return
        }
    }

    @Test func `what has only to be let run is not a leak`() throws {
        try Simulation.run(seed: 1, policy: .calm) { simulation in
            simulation.spawner.spawn { await simulation.pause() }
        }
    }

    @Test func `an error of the body and a broken expectation end the run`() {
        struct Own: Error {}
        guard case .threw(is Own)? = reason(.calm, { _ in throw Own() }) else {
            Issue.record("no error")
            return
        }
        let reached = Recorder<Int>()
        let broken = reason { simulation in
            simulation.expect(true, "fine")
            simulation.expect(false, "first")
            simulation.expect(false, "second")
            await simulation.pause()
            reached.record(1)
        }
        guard case .broken("first")? = broken else {
            Issue.record("\(String(describing: broken))")
            return
        }
    }

    @Test func `a job that comes from another thread is noticed`() {
        var policy = SimulationPolicy.calm
        policy.maximumSteps = .max
        let reason = reason(policy) { simulation in
            let isSuspended = Book(false)
            // Its turn comes when the body is suspended; it goes on until the other thread has answered.
            let clock = simulation.start("clock") {
                isSuspended { $0 = true }
                while !Task.isCancelled { await simulation.pause() }
            }
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    while !isSuspended({ $0 }) { sched_yield() }
                    continuation.resume()
                }
            }
            clock.cancel()
            await simulation.untilIdle()
        }
        guard case .escaped? = reason else {
            Issue.record("\(String(describing: reason))")
            return
        }
    }

    @Test func `calls are cancelled and fail at suspension points, in some runs often and in some never`()
        throws
    {
        var cancelled: [Int] = [], failed: [Int] = []
        for seed in 1...200 as ClosedRange<UInt64> {
            let (cancellations, failures) = try Simulation.run(seed: seed) { simulation in
                let calls = (0..<20).map { _ in
                    simulation.start { for _ in 0..<3 { try await simulation.hazard() } }
                }
                var cancelled = 0, failed = 0
                for call in calls {
                    switch await call.result {
                    case .failure(is CancellationError): cancelled += 1
                    case .failure(is InjectedFailure): failed += 1
                    default: break
                    }
                }
                return (cancelled, failed)
            }
            cancelled.append(cancellations)
            failed.append(failures)
        }
        #expect(cancelled.contains(0) && cancelled.contains { $0 > 2 })
        #expect(failed.contains(0) && failed.contains { $0 > 15 })
    }

    @Test func `seeds follow each other from the first`() async throws {
        let seeds = Recorder<UInt64>()
        let steps = try await Simulation.run(seeds: SimulationSeeds(from: 7, count: 40)) { simulation in
            await simulation.pause()
            seeds.record(simulation.seed)
        }
        #expect(seeds.events == Array(7..<47) && steps >= 40)
        await #expect(throws: SimulationFailure.self) {
            try await Simulation.run(seeds: SimulationSeeds(count: 40)) { simulation in
                simulation.expect(simulation.seed != 30, "thirty")
                seeds.record(simulation.seed)
            }
        }
        #expect(seeds.events.last == 30)
        #expect(SimulationSeeds(count: -1).count == 0)
    }

    @Test func `a calm policy injects nothing`() throws {
        try Simulation.run(seed: 5, policy: .calm) { simulation in
            for _ in 0..<100 { try await simulation.hazard() }
        }
    }

    @Test func `the clock of a simulation moves by hand as any other`() throws {
        let woken = Recorder<Duration>()
        try Simulation.run(seed: 1, policy: .calm) { simulation in
            let clock = simulation.clock
            let sleeper = simulation.start {
                try await simulation.time.sleep(for: .seconds(2))
                woken.record(clock.now.sinceOrigin)
            }
            while clock.sleepers == 0 { await simulation.pause() }
            clock.advance(by: .seconds(1))
            #expect(clock.sleepers == 1)
            clock.advance(by: .seconds(2))
            #expect(clock.sleepers == 0)
            _ = await sleeper.result
        }
        #expect(woken.events == [.seconds(3)])
    }
}

extension Simulation {
    /// Waits for what never comes, until it is cancelled.
    fileprivate func forever() async {
        let waiter = Recorder<CheckedContinuation<Void, Never>>()
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter.record($0) }
        } onCancel: {
            for continuation in waiter.events { continuation.resume() }
        }
    }
}
