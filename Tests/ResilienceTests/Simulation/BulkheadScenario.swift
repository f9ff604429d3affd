import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let bulkhead = Scenario(
        "bulkhead", ends: [.success, .rejected(.full), .rejected(.waitedTooLong)]
    ) { simulation in
        let scene = BulkheadScene(simulation)
        simulation.crowd(8, calls: 2) { try await scene.call($0) }
        await simulation.untilIdle()
        scene.end()
    }

    static let concurrencyLimit = Scenario("concurrency limit", ends: [.success, .rejected(.full)]) {
        simulation in
        let limiter = ConcurrencyLimiter(
            "limiter", policy: ConcurrencyLimitPolicy(simulation.one(of: [.aimd(), .vegas(), .gradient()])),
            chance: simulation.chance())
        let running = Book(0)
        simulation.crowd(30, within: .milliseconds(6)) { _ in
            let begun = simulation.time.now
            do {
                let limit = limiter.snapshot.limit
                let permit = try limiter.enter()
                running {
                    $0 += 1
                    simulation.expect($0 <= limit, "\($0) run under a limit of \(limit)")
                }
                defer { running { $0 -= 1 } }
                try await simulation.hazard()
                let latency = simulation.time.now.since(begun)
                simulation.succeeded()
                if simulation.below(4) == 0 { permit.dropped() } else { permit.success(latency: latency) }
            } catch {
                simulation.expectFair(error, rejections: [.full])
            }
        }
        await simulation.untilIdle()
        simulation.expect(limiter.snapshot.inFlight == 0, "\(limiter.snapshot.inFlight) permits were lost")
    }
}

private final class BulkheadScene: Sendable {
    private let simulation: Simulation
    private let bulkhead: Bulkhead
    private let most: Int
    private let running = Book(0)

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let policy = BulkheadPolicy(
            limit: 2, queue: 3, maximumWait: simulation.one(of: [nil, .milliseconds(4)]),
            partitions: simulation.one(of: [[:], ["odd": 0.5]]))
        bulkhead = Bulkhead("bulkhead", policy: policy, time: simulation.time)
        // The kept place may be taken beside a full limit.
        most = policy.limit + (policy.places(of: "odd") ?? 0)
    }

    func call(_ caller: Int) async throws {
        let begun = simulation.time.now, before = bulkhead.load
        do {
            try await bulkhead.run(partition: caller % 2 == 1 ? "odd" : nil) {
                running { $0 += 1 }
                look()
                defer { running { $0 -= 1 } }
                try await simulation.hazard()
            }
            simulation.succeeded()
        } catch {
            simulation.expectFair(error, rejections: [.full, .waitedTooLong])
            let policy = bulkhead.policy, reason = (error as? Rejection)?.reason
            if reason == .full {
                simulation.expect(before.queued == policy.queue, "refused though the queue had room")
                simulation.expect(before.running >= policy.limit, "refused though there was a place")
            }
            if reason == .waitedTooLong {
                let waited = simulation.time.now.since(begun)
                simulation.expect(policy.maximumWait.map { waited >= $0 } ?? false, "waited only \(waited)")
            }
        }
        try Task.checkCancellation()
    }

    private func look() {
        let load = bulkhead.load, running = running { $0 }
        simulation.expect(running <= most && load.running <= most, "\(running) run, \(load)")
        simulation.expect(load.queued <= bulkhead.policy.queue, "\(load)")
        simulation.expect(running <= load.running, "\(running) run, of which \(load.running) are known")
    }

    func end() {
        simulation.expect(bulkhead.load == (0, 0), "lost: \(bulkhead.load)")
    }
}
