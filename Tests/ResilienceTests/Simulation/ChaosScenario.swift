import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let chaos = Scenario(
        "fallback over retry over bulkhead over chaos", ends: [.success, .rejected(.full)]
    ) { simulation in
        let scene = ChaosScene(simulation)
        simulation.crowd(8, calls: 2) { _ in try await scene.call() }
        simulation.start("reconfiguring") { try await scene.reconfigure() }
        await simulation.untilIdle()
        try await scene.end()
    }
}

/// Calls that are disturbed on purpose, by policies that change while they run.
private final class ChaosScene: Sendable {
    private struct Seen {
        /// By their kinds; what was told, and what was really done.
        var told: [String: Int] = [:], done: [String: Int] = [:]
        var running = 0, calls = 0
        /// Whether any chaos was on at some time.
        var wasOn = false
    }

    private struct Injected: Error {}

    private let simulation: Simulation
    private let seen: Book<Seen>
    private let bulkhead: Bulkhead
    private let layers: [any ChaosStrategy]
    private let run: @Sendable (@escaping @Sendable () async throws -> Int) async throws -> Int

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let seen = Book(Seen()), time = simulation.time
        self.seen = seen
        let policy = ChaosPolicy(rate: simulation.one(of: [0, 0.3, 1]), isEnabled: simulation.below(2) == 0)
        seen { $0.wasOn = policy.isEnabled }
        let told: @Sendable (ChaosEvent) -> Void = { event in seen { $0.told[event.kind, default: 0] += 1 } }
        let fault = ChaosFault("fault", policy: policy, chance: simulation.chance(), onEvent: told) { _ in
            seen { $0.done["chaos_fault", default: 0] += 1 }
            return Injected()
        }
        let latency = ChaosLatency(
            "latency", waiting: .milliseconds(3), policy: policy, time: time, chance: simulation.chance(),
            onEvent: told)
        let behavior = ChaosBehavior(
            "behavior", policy: policy, chance: simulation.chance(), onEvent: told
        ) { _ in
            seen { $0.done["chaos_behavior", default: 0] += 1 }
            await simulation.pause()
        }
        let outcome = ChaosOutcome(
            "outcome", answering: -1, policy: ChaosPolicy(rate: policy.rate / 2, isEnabled: policy.isEnabled),
            chance: simulation.chance(), onEvent: told)
        layers = [behavior, latency, outcome, fault]
        let bulkhead = Bulkhead("bulkhead", policy: BulkheadPolicy(limit: 3, queue: 1), time: time)
        self.bulkhead = bulkhead
        let retry = Retry(
            "retry", policy: RetryPolicy(maximumAttempts: 3, backoff: Backoff(base: .milliseconds(2))),
            time: time, chance: simulation.chance())
        let pipeline = Pipeline {
            retry
            bulkhead
            behavior
            latency
            outcome
            fault
        }
        run = { operation in try await pipeline.run(operation) }
    }

    func call() async throws {
        seen { $0.calls += 1 }
        do {
            let value = try await run { [seen, simulation] in
                seen {
                    $0.running += 1
                    simulation.expect($0.running <= 3, "\($0.running) run")
                }
                defer { seen { $0.running -= 1 } }
                try await simulation.hazard()
                return 5
            }
            simulation.expect(value == 5 || value == -1 && seen { $0.wasOn }, "\(value) came from nowhere")
            simulation.succeeded()
        } catch is Injected {
            simulation.expect(seen { $0.wasOn }, "a fault though chaos was never on")
        } catch {
            simulation.expectFair(error, rejections: [.full])
        }
        try Task.checkCancellation()
    }

    /// Switches chaos on and off and changes how often it strikes, while calls are under way.
    func reconfigure() async throws {
        for _ in 0..<4 {
            try await simulation.delay(upTo: .milliseconds(20))
            let layer = simulation.one(of: layers)
            if simulation.below(2) == 0 {
                layer.isEnabled.toggle()
            } else {
                layer.reconfigure(
                    ChaosPolicy(rate: simulation.one(of: [0, 0.5, 1]), isEnabled: simulation.below(2) == 0))
            }
            if layer.isEnabled { seen { $0.wasOn = true } }
            simulation.expect(layer.isEnabled == layer.policy.isEnabled, "the switch is not the policy's")
        }
    }

    func end() async throws {
        simulation.expect(bulkhead.load == (0, 0), "lost: \(bulkhead.load)")
        let (told, done, running) = seen { ($0.told, $0.done, $0.running) }
        simulation.expect(running == 0, "\(running) still run")
        for kind in ["chaos_fault", "chaos_behavior"] {
            simulation.expect(told[kind] == done[kind], "\(kind): \(told) told, \(done) done")
        }
        simulation.expect(told["chaos_misfit"] == nil, "the outcome did not fit")
        for layer in layers { layer.isEnabled = false }
        for _ in 0..<5 {
            let value = try await run { 9 }
            simulation.expect(value == 9, "disturbed though chaos is off")
        }
        let after = seen { $0.told }
        simulation.expect(after == told, "told \(after) after \(told)")
    }
}
