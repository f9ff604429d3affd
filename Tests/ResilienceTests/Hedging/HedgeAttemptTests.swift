import ResilienceTesting
import Synchronization
import Testing

@testable import Resilience

/// Which attempts a hedge makes, and what becomes of those that lose.
@Suite struct HedgeAttemptTests {
    private struct Failed: Error, Equatable { var number: Int }

    /// A clock whose sleepers wake a millisecond before their time.
    private struct EarlyClock: Clock {
        let base = VirtualClock()
        var now: Instant { base.now }
        var minimumResolution: Duration { .nanoseconds(1) }

        func sleep(until deadline: Instant, tolerance: Duration?) async throws {
            try await base.sleep(until: deadline.advanced(by: .milliseconds(-1)))
        }
    }

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    @Test func `the errors of the others come with the first one's`() async throws {
        let hedge = Hedge("hedge", policy: HedgePolicy(delay: .fixed(.zero), maximumHedges: 3), time: time)
        let others = Recorder<Int>()
        await #expect(throws: Failed(number: 0)) {
            try await hedge.run(
                alsoFailed: { attempt, error in
                    #expect(error as? Failed == Failed(number: attempt))
                    others.record(attempt)
                }
            ) { attempt -> Int in throw Failed(number: attempt) }
        }
        #expect(others.events == [1, 2, 3])
    }

    @Test func `a call that may not overlap with itself is made once`() async throws {
        let hedge = Hedge("hedge", policy: HedgePolicy(delay: .fixed(.zero), maximumHedges: 3), time: time)
        let calls = Mutex(0)
        await #expect(throws: Failed(number: 0)) {
            try await hedge.run(mayOverlap: false) { attempt -> Int in
                calls.withLock { $0 += 1 }
                throw Failed(number: attempt)
            }
        }
        await #expect(throws: Failed(number: 0)) {
            try await hedge.run(CallContext(mayOverlap: false)) { context -> Int in
                calls.withLock { $0 += 1 }
                throw Failed(number: context.attempt)
            }
        }
        #expect(calls.withLock { $0 } == 2)
    }

    @Test(
        arguments: [
            (nil, 7, 3), (20, 7, 2), (20, 0, 3), (6, 7, 0), (-5, 7, 0), (.max, 1, 3), (20, -3, 3),
        ] as [(Int?, Int, Int)])
    func `hedges cost no more than they may`(most: Int?, cost: Int, hedges: Int) {
        #expect(HedgePolicy(maximumHedges: 3, maximumCost: most).hedges(costing: cost) == hedges)
    }

    @Test(arguments: [(Int.max, 11), (11, 11), (10, 11), (0, 1), (.min, 1)])
    func `attempts are bounded whatever the policy says`(hedges: Int, attempts: Int) {
        let policy = HedgePolicy(maximumHedges: hedges), now = Instant()
        for most in [policy.hedges(costing: 0), hedges] {
            var machine = Hedge.StateMachine(maximumHedges: most), begun = 0
            while case .begin = machine.next(at: now), begun < 100 {
                begun += 1
                machine.hasBegun(at: now, nextAfter: .zero)
            }
            #expect(begun == attempts)
        }
    }

    @Test(arguments: [(10, 11), (0, 1)])
    func `so many attempts are made as the policy says`(hedges: Int, attempts: Int) async {
        var policy = HedgePolicy(delay: .fixed(.zero))
        policy.maximumHedges = hedges
        let calls = Mutex(0)
        await #expect(throws: Failed(number: 0)) {
            try await Hedge("hedge", policy: policy, time: time).run { attempt -> Int in
                calls.withLock { $0 += 1 }
                throw Failed(number: attempt)
            }
        }
        #expect(calls.withLock { $0 } == attempts)
    }

    @Test func `a caller that has gone is made no further attempts, whatever becomes of its cancellation`()
        async
    {
        let time = time, begun = Recorder<Int>()
        let hedge = Hedge("hedge", policy: HedgePolicy(delay: .afterFailure, maximumHedges: 5), time: time)
        let caller = Task {
            try await hedge.run { attempt -> Int in
                begun.record(attempt)
                do { try await time.sleep(for: .seconds(60)) } catch { throw Failed(number: attempt) }
                return attempt
            }
        }
        await clock.untilSleepers(1)
        caller.cancel()
        await #expect(throws: Failed(number: 0)) { try await caller.value }
        #expect(begun.events == [0])
    }

    @Test func `nothing runs for a caller that was cancelled before, and nothing is paid in`() async {
        let time = time, begun = Recorder<Int>()
        let budget = RetryBudget(.init(ratio: 1, minimumPerSecond: 0), time: time)
        let hedge = Hedge("hedge", policy: HedgePolicy(delay: .fixed(.zero)), budget: budget, time: time)
        let caller = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await #expect(throws: CancellationError.self) { try await hedge.run { begun.record($0) } }
            await #expect(throws: CancellationError.self) {
                try await hedge.run(CallContext(), concurrently: { begun.record($0.attempt) })
            }
        }
        await caller.value
        #expect(begun.events.isEmpty && !budget.withdraw())
    }

    @Test func `a clock that wakes its sleepers early loses no hedge`() async throws {
        let early = EarlyClock(), time = TimeSource(early), begun = Recorder<Int>()
        let hedge = Hedge("hedge", policy: HedgePolicy(delay: .fixed(.seconds(1))), time: time)
        let caller = Task {
            try await hedge.run { attempt in
                begun.record(attempt)
                if attempt == 0 { try await time.sleep(for: .seconds(60)) }
                return attempt
            }
        }
        await early.base.untilSleepers(2)
        early.base.advance(by: .milliseconds(999))
        await until { begun.events.count >= 2 }
        #expect(begun.events == [0, 1])
        caller.cancel()
        _ = try? await caller.value
    }

    @Test func `a delay of the caller's own replaces that before the hedge it is for`() throws {
        let begun = Recorder<Duration>()
        try Simulation.run(seed: 1, policy: .calm) { simulation in
            let time = simulation.time
            let hedge = Hedge(
                "hedge", policy: HedgePolicy(delay: .fixed(.seconds(1)), maximumHedges: 3), time: time,
                spawner: simulation.spawner, delay: { $0 == 2 ? .seconds(5) : nil })
            try await hedge.run { _ in
                begun.record(time.now.sinceOrigin)
                try await time.sleep(for: .seconds(60))
            }
            await simulation.untilIdle()
        }
        #expect(begun.events == [.zero, .seconds(1), .seconds(6), .seconds(7)])
    }

    @Test func `the quantile counts the slow calls that lost to a hedge, so that hedges keep their share`()
        throws
    {
        let share = try Simulation.run(seed: 11, policy: .calm) { simulation in
            let time = simulation.time, hedged = Recorder<Int>()
            let hedge = Hedge(
                "hedge", policy: HedgePolicy(delay: .quantile(0.9, meanwhile: .seconds(60))), time: time,
                spawner: simulation.spawner, onEvent: { hedged.record($0.attempt) })
            var chance = Chance(seed: 11), before = 0
            let calls = 1500
            for call in 0..<calls {
                // Calls take up to a second, and one in ten much longer; a hedge is always quick.
                let takes: Duration = chance.next() % 10 == 0 ? .seconds(10) : .seconds(chance.unit())
                if call == 500 { before = hedged.events.count }
                try await hedge.run { attempt in
                    try await time.sleep(for: attempt == 0 ? takes : .milliseconds(1))
                }
            }
            await simulation.untilIdle()
            return Double(hedged.events.count - before) / Double(calls - 500)
        }
        #expect((0.07..<0.14).contains(share), "\(share)")
    }
}
