import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let pipeline = Scenario(
        "timeout over retry over breaker over bulkhead",
        ends: [.success, .rejected(.timedOut), .rejected(.circuitOpen), .rejected(.full)]
    ) { simulation in
        let scene = PipelineScene(simulation)
        simulation.crowd(8, calls: 2) { _ in try await scene.call() }
        await simulation.untilIdle()
        try await scene.end()
    }

    static let fallbackOverHedge = Scenario("fallback over hedge over breaker") { simulation in
        let scene = LadderScene(simulation)
        simulation.crowd(6, calls: 2) { _ in try await scene.call() }
        await simulation.untilIdle()
        try await scene.end()
    }

    static let cacheOverPipeline = Scenario("cache over retry over bulkhead") { simulation in
        let retry = Retry(
            "retry", policy: RetryPolicy(maximumAttempts: 3, backoff: Backoff(base: .milliseconds(2))),
            time: simulation.time, chance: simulation.chance())
        let bulkhead = Bulkhead("bulkhead", policy: BulkheadPolicy(limit: 1, queue: 2), time: simulation.time)
        let pipeline = Pipeline {
            retry
            bulkhead
        }
        let cache = Cache<Int, Int>(
            policy: CachePolicy(freshFor: .milliseconds(5), staleWhileRevalidate: .milliseconds(5)),
            time: simulation.time, chance: simulation.chance(), spawner: simulation.spawner)
        let running = Book(0)
        simulation.crowd(8, calls: 2) { caller in
            do {
                let value = try await cache.value(for: caller % 3) { key in
                    try await pipeline.run {
                        running {
                            $0 += 1
                            simulation.expect($0 == 1, "two calls in a bulkhead of one")
                        }
                        defer { running { $0 -= 1 } }
                        try await simulation.hazard()
                        return key * 2
                    }
                }
                simulation.expect(value == caller % 3 * 2, "\(caller) got \(value)")
            } catch {
                simulation.expectFair(error, rejections: [.full])
            }
        }
        await simulation.untilIdle()
        simulation.expect(bulkhead.load == (0, 0), "lost: \(bulkhead.load)")
        simulation.expect(cache.counts.loading == 0, "\(cache.counts)")
    }

    static let retriedBatches = Scenario("retry over batcher over breaker") { simulation in
        var policy = CircuitBreakerPolicy(minimumCalls: 4, open: .init(first: .milliseconds(5)))
        policy.probeLease = nil
        policy.maximumHalfOpen = nil
        let breaker = CircuitBreaker(
            "breaker", policy: policy, time: simulation.time, chance: simulation.chance())
        let batcher = Batcher<Int, Int>(
            "batcher",
            policy: BatcherPolicy(.fixed(3), maximumLinger: .milliseconds(2), maximumRunning: 2, queue: 4),
            time: simulation.time, spawner: simulation.spawner
        ) { items in
            try await breaker.run {
                try await simulation.hazard()
                return items.map { $0 + 1000 }
            }
        }
        let retry = Retry(
            "retry", policy: RetryPolicy(maximumAttempts: 3, backoff: Backoff(base: .milliseconds(4))),
            time: simulation.time, chance: simulation.chance())
        simulation.crowd(10) { item in
            do {
                let output = try await retry.run { _ in try await batcher.submit(item) }
                simulation.expect(output == item + 1000, "\(item) got \(output)")
            } catch {
                simulation.expectFair(error, rejections: [.full, .circuitOpen, .probesBusy])
            }
        }
        await simulation.untilIdle()
        try await batcher.close()
        let snapshot = batcher.snapshot
        simulation.expect(snapshot.queued == 0 && snapshot.running == 0, "\(snapshot)")
        try await simulation.expectRecovery(of: breaker)
    }
}

extension Simulation {
    /// Says that good calls bring a breaker back.
    func expectRecovery(of breaker: CircuitBreaker) async throws {
        for _ in 0..<20 where breaker.snapshot.state != .closed {
            try await time.sleep(for: breaker.snapshot.remainingOpen + .milliseconds(1))
            for _ in 0..<10 { try? await breaker.run {} }
        }
        expect(breaker.snapshot.state == .closed, "it does not come back: \(breaker.snapshot)")
    }
}

/// Calls through all that guards one dependency, in place or in tasks, in code or erased.
private final class PipelineScene: Sendable {
    private struct Seen {
        var calls = 0, attempts = 0, running = 0
    }

    private let simulation: Simulation
    private let seen = Book(Seen())
    private let goods = Goods()
    private let budget: RetryBudget
    private let breaker: CircuitBreaker
    private let bulkhead: Bulkhead
    private let run: @Sendable (@escaping @Sendable () async throws -> Int) async throws -> Int

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let time = simulation.time, limit = Duration.milliseconds(simulation.one(of: [8, 25]))
        var policy = CircuitBreakerPolicy(
            window: .calls(8), minimumCalls: 4, open: .init(first: .milliseconds(6)))
        policy.verdict = .consecutiveSuccesses(2)
        policy.probeLease = nil
        policy.maximumHalfOpen = nil
        let breaker = CircuitBreaker("breaker", policy: policy, time: time, chance: simulation.chance())
        let bulkhead = Bulkhead(
            "bulkhead",
            policy: BulkheadPolicy(
                limit: 2, queue: 2, maximumWait: simulation.one(of: [nil, .milliseconds(4)])),
            time: time)
        let budget = RetryBudget(
            .init(ratio: 0.5, minimumPerSecond: 0, timeToLive: .seconds(100)), time: time)
        let retry = Retry(
            "retry", policy: RetryPolicy(maximumAttempts: 3, backoff: Backoff(base: .milliseconds(3))),
            budget: budget, time: time, chance: simulation.chance())
        (self.breaker, self.bulkhead, self.budget) = (breaker, bulkhead, budget)
        let timeout = Timeout("timeout", after: limit, time: time, spawner: simulation.spawner)
        switch simulation.below(3) {
        case 0:
            let pipeline = Pipeline {
                timeout
                retry
                breaker
                bulkhead
            }
            run = { operation in try await pipeline.runInTask(operation) }
        case 1:
            let pipeline = Pipeline {
                Deadline("deadline", after: limit, time: time)
                retry
                breaker
                bulkhead
            }
            run = { operation in try await pipeline.run(operation) }
        default:
            let pipeline = ErasedPipeline("erased", [timeout, retry, breaker, bulkhead])
            run = { operation in try await pipeline.run(operation) }
        }
    }

    func call() async throws {
        seen { $0.calls += 1 }
        do {
            let value = try await run { [goods, seen, simulation] in
                seen {
                    $0.attempts += 1
                    $0.running += 1
                    simulation.expect($0.running <= 2, "\($0.running) run")
                    let retries = $0.attempts - $0.calls
                    simulation.expect(2 * retries <= $0.calls, "\(retries) retries of \($0.calls) calls")
                }
                defer { seen { $0.running -= 1 } }
                try await simulation.hazard()
                return goods.produce()
            }
            goods.settle(value)
            simulation.succeeded()
        } catch {
            simulation.expectFair(
                error, rejections: [.timedOut, .circuitOpen, .probesBusy, .full, .waitedTooLong])
        }
        try Task.checkCancellation()
    }

    func end() async throws {
        simulation.expect(seen { $0.running } == 0 && bulkhead.load == (0, 0), "lost: \(bulkhead.load)")
        simulation.expect(goods.faults.isEmpty, "\(goods.faults)")
        try await simulation.expectRecovery(of: breaker)
    }
}

/// Calls that are hedged, and served by something else when that does not help.
private final class LadderScene: Sendable {
    private let simulation: Simulation
    private let goods = Goods()
    private let running = Book(0)
    private let breaker: CircuitBreaker
    private let hedge: Hedge
    private let fallback: Fallback<Int>

    init(_ simulation: Simulation) {
        self.simulation = simulation
        var policy = CircuitBreakerPolicy(
            window: .calls(8), minimumCalls: 4, open: .init(first: .milliseconds(6)))
        policy.probeLease = nil
        policy.maximumHalfOpen = nil
        breaker = CircuitBreaker(
            "breaker", policy: policy, time: simulation.time, chance: simulation.chance())
        hedge = Hedge(
            "hedge", policy: HedgePolicy(delay: .fixed(.milliseconds(3)), maximumHedges: 2),
            time: simulation.time, spawner: simulation.spawner)
        fallback = Fallback("ladder")
            .then("uncertain") { _ in
                try await simulation.hazard()
                return -1
            }
            .then("last") { _ in -2 }
    }

    func call() async throws {
        do {
            let served = try await fallback.run {
                try await hedge.run(discard: goods.settle) { _ in
                    try await breaker.run {
                        running { $0 += 1 }
                        defer { running { $0 -= 1 } }
                        try await simulation.hazard()
                        return goods.produce()
                    }
                }
            }
            switch served.rung {
            case nil: goods.settle(served.value)
            case "uncertain"?: simulation.expect(served.value == -1, "\(served)")
            default: simulation.expect(served.value == -2 && served.error != nil, "\(served)")
            }
        } catch {
            simulation.expect(Task.isCancelled, "a call was not served: \(error)")
        }
        try Task.checkCancellation()
    }

    func end() async throws {
        simulation.expect(running { $0 } == 0 && goods.open == 0, "\(goods.open) values were lost")
        simulation.expect(goods.faults.isEmpty, "\(goods.faults)")
        try await simulation.expectRecovery(of: breaker)
    }
}
