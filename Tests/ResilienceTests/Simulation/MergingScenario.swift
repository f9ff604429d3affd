import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let mergingBatcher = Scenario("batcher that merges equal items", ends: [.success]) { simulation in
        let scene = MergingScene(simulation)
        simulation.crowd(16) { try await scene.call($0 % 4) }
        await simulation.untilIdle()
        try await scene.end()
    }
}

/// Few items that many callers want at the same time, one of them poison.
private final class MergingScene: Sendable {
    private struct Work {
        /// How many wait for each item.
        var waiting: [Int: Int] = [:]
        /// The items that failures were about.
        var failures: [Int: [Int]] = [:]
    }

    private let simulation: Simulation
    private let work = Book(Work())
    private let batcher: Batcher<Int, Int>

    init(_ simulation: Simulation) {
        self.simulation = simulation
        var policy = BatcherPolicy(
            .fixed(simulation.one(of: [1, 2, 4])), maximumSize: 4, maximumLinger: .milliseconds(4),
            maximumRunning: simulation.one(of: [1, 2]), queue: simulation.one(of: [2, 8]))
        policy.maximumSplits = 1000
        let work = work
        batcher = Batcher(
            "batcher", policy: policy, time: simulation.time, spawner: simulation.spawner, merging: .equal
        ) { items in
            work { work in
                simulation.expect(Set(items).count == items.count, "\(items) has equal items")
                for item in items {
                    simulation.expect(work.waiting[item] ?? 0 > 0, "nobody waits for \(item)")
                }
            }
            do { try await simulation.hazard() } catch let failure as InjectedFailure {
                work { $0.failures[failure.number] = items }
                throw failure
            }
            if items.contains(3) { throw Poisoned(item: 3) }
            return items.map { $0 * 2 }
        }
    }

    func call(_ item: Int) async throws {
        let hurries = simulation.below(4) == 0
        let deadline =
            hurries ? simulation.time.now.advanced(by: .milliseconds(1 + simulation.below(10))) : nil
        work { $0.waiting[item, default: 0] += 1 }
        defer { work { $0.waiting[item, default: 0] -= 1 } }
        do {
            let output = try await batcher.submit(item, deadline: deadline)
            simulation.expect(output == item * 2 && item != 3, "\(item) got \(output)")
            simulation.succeeded()
        } catch let error as Poisoned {
            simulation.expect(error.item == item, "\(item) got \(error)")
        } catch let failure as InjectedFailure {
            simulation.expect(work { $0.failures[failure.number] } == [item], "\(item) got \(failure)")
        } catch let rejection as Rejection
            where [.timedOut, .deadlinePassed].contains(rejection.reason)
        {
            simulation.expect(
                deadline.map { $0 <= simulation.time.now } ?? false, "timed out before its deadline")
        } catch {
            simulation.expectFair(error, rejections: [.full])
        }
    }

    func end() async throws {
        try await batcher.close()
        let snapshot = batcher.snapshot
        simulation.expect(snapshot.queued == 0 && snapshot.running == 0, "\(snapshot)")
        let settled = snapshot.answered + snapshot.failed + snapshot.cancelled + snapshot.expired
        simulation.expect(settled == snapshot.accepted, "\(snapshot.accepted) accepted, \(settled) settled")
    }
}
