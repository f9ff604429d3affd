import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let batcher = Scenario("batcher") { simulation in
        let scene = BatcherScene(simulation)
        simulation.crowd(16) { try await scene.call($0) }
        if simulation.below(4) == 0 {
            try await simulation.delay(upTo: .milliseconds(20))
            try await scene.close()
        }
        await simulation.untilIdle()
        try await scene.end()
    }

    /// A poison item, a time that runs out while the batch is under way, a cancelled waiter: the others are answered.
    static let f72 = Scenario(
        "F72: a poison item, a timeout while flushing and a cancelled waiter", .orderOnly
    ) {
        simulation in
        let batcher = Batcher<Int, Int>(
            "batcher",
            policy: BatcherPolicy(
                .fixed(simulation.one(of: [4, 8])), maximumSize: 8, maximumLinger: .milliseconds(3)),
            time: simulation.time, spawner: simulation.spawner
        ) { items in
            try await simulation.delay(upTo: .milliseconds(10))
            if items.contains(0) { throw Poisoned(item: 0) }
            return items.map { $0 * 2 }
        }
        let deadline = simulation.time.now.advanced(by: .milliseconds(6))
        let calls = (0..<8).map { item in
            simulation.start("item \(item)", cancellable: false) {
                try await batcher.submit(item, deadline: item == 1 ? deadline : nil)
            }
        }
        try await simulation.delay(upTo: .milliseconds(20))
        calls[2].cancel()
        for (item, call) in calls.enumerated() {
            switch (item, await call.result) {
            case (0, .failure(let error)):
                simulation.expect(error as? Poisoned == Poisoned(item: 0), "\(error)")
            case (1, .failure(let error as Rejection)):
                let isLate = [.timedOut, .deadlinePassed].contains(error.reason)
                simulation.expect(isLate && simulation.time.now >= deadline, "\(error)")
            case (2, .failure(is CancellationError)): break
            case (_, .success(let output)) where item > 0:
                simulation.expect(output == item * 2, "\(item): \(output)")
            case (_, let result): simulation.expect(false, "\(item) got \(result)")
            }
        }
        try await batcher.close()
    }
}

struct Poisoned: Error, Equatable { var item: Int }

extension SimulationPolicy {
    /// Injects neither failures nor cancellations.
    static var orderOnly: SimulationPolicy {
        var policy = SimulationPolicy.calm
        policy.late = 0.1
        return policy
    }
}

/// Items of many callers, some of them poison; the work waits and fails as the seed draws.
private final class BatcherScene: Sendable {
    private struct Work {
        var running = 0
        /// How often an item was worked on, and with success.
        var calls: [Int: Int] = [:], successes: [Int: Int] = [:]
        /// The items that failures were about.
        var failures: [Int: [Int]] = [:]
        var isClosed = false
    }

    private let simulation: Simulation
    private let policy: BatcherPolicy
    private let work = Book(Work())
    private let batcher: Batcher<Int, Int>

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let sizing = simulation.one(of: [
            BatcherPolicy.Sizing.fixed(4), .timeBased, .loadBased, .adaptive(initial: 3), .hybrid(initial: 3),
        ])
        var policy = BatcherPolicy(
            sizing, maximumSize: 6, maximumLinger: .milliseconds(4), target: .milliseconds(8),
            maximumWeight: simulation.one(of: [nil, 12]), maximumRunning: simulation.one(of: [1, 2]), queue: 8
        )
        policy.maximumSplits = 1000
        self.policy = policy
        let work = work, bounds = policy
        batcher = Batcher(
            "batcher", policy: policy, time: simulation.time, spawner: simulation.spawner,
            weighing: { 1 + $0 % 4 }
        ) { items in
            try await Self.process(items, bounds, work, simulation)
        }
    }

    private static func process(
        _ items: [Int], _ policy: BatcherPolicy, _ work: Book<Work>, _ simulation: Simulation
    ) async throws -> [Int] {
        work { work in
            work.running += 1
            for item in items { work.calls[item, default: 0] += 1 }
            simulation.expect(work.running <= policy.maximumRunning, "\(work.running) batches run")
            simulation.expect(!items.isEmpty && items.count <= policy.maximumSize, "\(items.count) items")
            let weight = items.reduce(0) { $0 + 1 + $1 % 4 }
            simulation.expect(policy.maximumWeight.map { weight <= $0 } ?? true, "a batch weighs \(weight)")
        }
        defer { work { $0.running -= 1 } }
        do { try await simulation.hazard() } catch let failure as InjectedFailure {
            work { $0.failures[failure.number] = items }
            throw failure
        }
        if let bad = items.first(where: { $0 % 7 == 3 }) { throw Poisoned(item: bad) }
        work { work in
            for item in items { work.successes[item, default: 0] += 1 }
        }
        return items.map { $0 * 2 }
    }

    func call(_ item: Int) async throws {
        if simulation.below(10) == 0 { return try await callCancelled(item) }
        let hurries = simulation.below(4) == 0
        let deadline =
            hurries ? simulation.time.now.advanced(by: .milliseconds(1 + simulation.below(10))) : nil
        do {
            let output = try await batcher.submit(item, deadline: deadline)
            simulation.expect(output == item * 2 && item % 7 != 3, "\(item) got \(output)")
        } catch let error as Poisoned {
            simulation.expect(error.item == item, "\(item) got \(error)")
        } catch let failure as InjectedFailure {
            simulation.expect(work { $0.failures[failure.number] } == [item], "\(item) got \(failure)")
        } catch let rejection as Rejection {
            expectFair(rejection, deadline)
        } catch {
            simulation.expectFair(error)
        }
        simulation.expect(batcher.snapshot.queued <= policy.queue, "\(batcher.snapshot.queued) wait")
    }

    /// Submits when it is cancelled already: nothing is taken and nothing is counted.
    private func callCancelled(_ item: Int) async throws {
        withUnsafeCurrentTask { $0?.cancel() }
        let before = batcher.snapshot
        do {
            _ = try await batcher.submit(item)
            simulation.expect(false, "a cancelled call was answered")
        } catch {
            simulation.expect(error is CancellationError, "unexpected: \(error)")
        }
        simulation.expect(batcher.snapshot == before, "a cancelled call was counted")
        throw CancellationError()
    }

    private func expectFair(_ rejection: Rejection, _ deadline: Instant?) {
        switch rejection.reason {
        case .timedOut, .deadlinePassed:
            simulation.expect(
                deadline.map { $0 <= simulation.time.now } ?? false, "timed out before its deadline")
        case .full:
            simulation.expect(batcher.snapshot.queued == policy.queue, "refused though there was room")
        case .closed: simulation.expect(work { $0.isClosed }, "it is not closed")
        default: simulation.expect(false, "\(rejection)")
        }
    }

    func close() async throws {
        work { $0.isClosed = true }
        try await batcher.close()
        simulation.expect(work { $0.running } == 0, "closed though a batch runs")
    }

    func end() async throws {
        try await close()
        let snapshot = batcher.snapshot, seen = work { $0 }
        simulation.expect(snapshot.queued == 0 && snapshot.running == 0, "\(snapshot)")
        let settled = snapshot.answered + snapshot.failed + snapshot.cancelled + snapshot.expired
        simulation.expect(settled == snapshot.accepted, "\(snapshot.accepted) accepted, \(settled) settled")
        simulation.expect(
            seen.successes.values.allSatisfy { $0 == 1 }, "an item was worked on after its success")
        simulation.expect(
            seen.calls.values.allSatisfy { $0 <= 1 + policy.splitDepth }, "an item was called too often")
    }
}
