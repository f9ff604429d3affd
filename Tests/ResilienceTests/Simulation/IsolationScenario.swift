import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let isolation = Scenario(
        "kept places under a flood", ends: [.success, .rejected(.full), .rejected(.waitedTooLong)]
    ) { simulation in
        let scene = IsolationScene(simulation)
        simulation.crowd(10, calls: 2, within: .milliseconds(6)) { _ in try await scene.call("flood") }
        simulation.crowd(2, calls: 4) { _ in try await scene.call("quiet") }
        await simulation.untilIdle()
        scene.end()
    }
}

/// A partition that asks for far more than there is, and one that never has more calls than places kept for it.
private final class IsolationScene: Sendable {
    private struct Counts {
        var running: [String: Int] = [:]
        var all: Int { running.values.reduce(0, +) }
    }

    private let simulation: Simulation
    private let bulkhead: Bulkhead
    private let counts = Book(Counts())

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let policy = BulkheadPolicy(
            limit: 4, queue: simulation.one(of: [0, 3]), maximumWait: .milliseconds(4),
            partitions: simulation.one(of: [["quiet": 0.5], ["quiet": 0.5, "flood": 0.25]]))
        bulkhead = Bulkhead("bulkhead", policy: policy, time: simulation.time)
    }

    func call(_ partition: String) async throws {
        let begun = simulation.time.now, policy = bulkhead.policy
        do {
            try await bulkhead.run(partition: partition) {
                enter(partition)
                defer { counts { $0.running[partition, default: 0] -= 1 } }
                if partition == "quiet" {
                    let waited = simulation.time.now.since(begun)
                    simulation.expect(waited == .zero, "a kept place was not free for \(waited)")
                }
                try await simulation.hazard()
            }
            simulation.succeeded()
        } catch {
            // Who has places of its own, and no more calls than those, is never turned away.
            let reasons: Set<Rejection.Reason> = partition == "quiet" ? [] : [.full, .waitedTooLong]
            simulation.expectFair(error, rejections: reasons)
        }
        simulation.expect(bulkhead.load.queued <= policy.queue, "\(bulkhead.load)")
        try Task.checkCancellation()
    }

    private func enter(_ partition: String) {
        let policy = bulkhead.policy
        let (all, own) = counts { counts in
            counts.running[partition, default: 0] += 1
            return (counts.all, counts.running[partition] ?? 0)
        }
        let kept = policy.partitions.keys.compactMap(policy.places).reduce(0, +)
        simulation.expect(all <= policy.limit + kept, "\(all) run")
        let most = policy.limit + (policy.places(of: partition) ?? 0)
        simulation.expect(own <= most, "\(own) of \(partition) run, of at most \(most)")
    }

    func end() {
        simulation.expect(bulkhead.load == (0, 0), "lost: \(bulkhead.load)")
        simulation.expect(counts { $0.all } == 0, "some still run")
    }
}
