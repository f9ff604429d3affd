import ResilienceTesting

@testable import Resilience

extension Scenario {
    /// A breaker that lets a growing share of calls pass after its probes.
    static let ramp = Scenario(
        "circuit breaker with a ramp", ends: [.success, .rejected(.circuitOpen), .rejected(.probesBusy)]
    ) { simulation in
        let scene = RampScene(simulation)
        simulation.crowd(12, calls: 4, within: .milliseconds(30)) { _ in try await scene.call() }
        await simulation.untilIdle()
        try await scene.end()
    }
}

/// A breaker beside a model of it that draws the same numbers, and so knows which calls the ramp lets through.
private final class RampScene: Sendable {
    private struct Told {
        var state = CircuitBreaker.State.closed
        /// Changes of state, and beginnings of ramps, of which nobody is told.
        var era = 0
        var openUntil = Instant()
        var rampedAt: Instant?
        /// The probes that are out or were good.
        var probes = 0, good = 0
        /// The results on the ramp.
        var calls = 0, failures = 0
        var late = 0
        var chance: Chance

        mutating func begin(_ next: CircuitBreaker.State, rampedAt: Instant? = nil) {
            (state, self.rampedAt) = (next, rampedAt)
            era += 1
            (probes, good, calls, failures) = (0, 0, 0, 0)
        }
    }

    private let simulation: Simulation
    private let policy: CircuitBreakerPolicy
    private let needed: Int
    private let told: Book<Told>
    private let breaker: CircuitBreaker

    init(_ simulation: Simulation) {
        self.simulation = simulation
        var policy = CircuitBreakerPolicy(
            window: .calls(6), minimumCalls: simulation.one(of: [2, 4]),
            // Nothing but the ramp draws a number.
            open: .init(first: .milliseconds(4), maximum: .milliseconds(10), jitter: 0))
        needed = simulation.one(of: [1, 2])
        policy.verdict = .consecutiveSuccesses(needed)
        policy.ramp = simulation.one(of: [[0.5], [0.2, 0.6], [0.3, 0.6, 1]])
        policy.rampStage = simulation.one(of: [.milliseconds(3), .milliseconds(12)])
        policy.probeLease = nil
        self.policy = policy
        let ramp = policy.rampStage * policy.ramp.count
        let chance = simulation.chance(), told = Book(Told(chance: chance)), time = simulation.time
        self.told = told
        breaker = CircuitBreaker("breaker", policy: policy, time: time, chance: chance) { event in
            let now = time.now
            told { told in
                simulation.note("\(event.from) to \(event.to)")
                simulation.expect(event.from == told.state, "\(event) follows \(told.state)")
                if event.to == .closed {
                    let isOver = told.rampedAt.map { now.since($0) >= ramp }
                    simulation.expect(isOver == true, "it closes before the ramp is over")
                }
                told.begin(event.to)
                told.openUntil = now.advanced(by: event.openFor ?? .zero)
            }
        }
    }

    /// Whether the ramp of `told` is over at `now`.
    private func isOver(_ told: Told, at now: Instant) -> Bool {
        guard let begin = told.rampedAt else { return false }
        return now.since(begin) >= policy.rampStage * policy.ramp.count
    }

    func call(_ work: (Simulation) async throws -> Void = { try await $0.hazard() }) async throws {
        guard !Task.isCancelled else {
            try await breaker.run { simulation.expect(false, "a cancelled call was let through") }
            return
        }
        let now = simulation.time.now, mustPass = told { self.passes(&$0, at: now) }
        do {
            try await breaker.run {
                simulation.expect(mustPass, "let through")
                let era = told { told in
                    if told.state == .halfOpen, told.rampedAt == nil { told.probes += 1 }
                    return told.era
                }
                do { try await work(simulation) } catch {
                    settle(era, Task.isCancelled ? .ignored : .failure())
                    throw error
                }
                settle(era, .success)
            }
            simulation.succeeded()
        } catch let rejection as Rejection {
            simulation.expect(!mustPass, "rejected: \(rejection)")
            simulation.rejected(rejection)
        } catch is InjectedFailure {}
        told { told in
            simulation.expect(!trips(told), "\(told.failures) of \(told.calls) failed, and it goes on")
        }
    }

    /// Whether the next call must be let through.
    private func passes(_ told: inout Told, at now: Instant) -> Bool {
        switch told.state {
        case .closed: return true
        case .open: return now >= told.openUntil
        case .halfOpen: break
        case .isolated, .disabled: return false
        }
        guard let begin = told.rampedAt else { return told.probes < needed }
        if isOver(told, at: now) { return true }
        return told.chance.unit() < policy.ramp[Int(now.since(begin) / policy.rampStage)]
    }

    /// Notes what a result is about to mean.
    private func settle(_ era: Int, _ outcome: CircuitBreaker.Outcome) {
        let now = simulation.time.now
        told { told in
            guard told.era == era, !self.isOver(told, at: now) else { return told.late += 1 }
            guard told.state == .halfOpen else { return }
            switch (outcome, told.rampedAt) {
            case (.ignored, nil): told.probes -= 1
            case (.ignored, _?): break
            case (.success, nil):
                told.good += 1
                if told.good == self.needed { told.begin(.halfOpen, rampedAt: now) }
            case (.failure, nil): break
            case (_, _?):
                told.calls += 1
                if outcome != .success { told.failures += 1 }
            }
        }
    }

    /// Whether the results on the ramp open it.
    private func trips(_ told: Told) -> Bool {
        told.calls >= min(policy.minimumCalls, 5) && told.failures * 2 >= told.calls
    }

    /// Good calls must bring it back, whatever happened before.
    func end() async throws {
        for _ in 0..<20 where breaker.snapshot.state != .closed {
            try await simulation.time.sleep(for: .milliseconds(40))
            for _ in 0..<needed { try? await call { _ in } }
            try await simulation.time.sleep(for: policy.rampStage * policy.ramp.count)
        }
        let snapshot = breaker.snapshot, late = told { $0.late }
        simulation.expect(snapshot.state == .closed, "it does not come back: \(snapshot)")
        simulation.expect(snapshot.late == late, "\(snapshot.late) results were late, not \(late)")
    }
}
