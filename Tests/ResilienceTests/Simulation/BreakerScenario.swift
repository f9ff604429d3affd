import ResilienceTesting

@testable import Resilience

extension Scenario {
    static let breaker = Scenario("circuit breaker") { simulation in
        let scene = BreakerScene(simulation)
        simulation.crowd(8, calls: 3) { _ in try await scene.call() }
        await simulation.untilIdle()
        try await scene.end()
    }
}

/// A breaker beside a model of it: which calls it must let through, which results are late.
final class BreakerScene: Sendable {
    private struct Told {
        var policy: CircuitBreakerPolicy
        var state = CircuitBreaker.State.closed
        var changes = 0
        var openUntil = Instant()
        /// The probes of this half-open time that are out, by number, and how many of the others had a result.
        var out: [Int: Instant] = [:], results = 0
        /// How often half-open has begun anew.
        var anew = 0
        var late = 0
        var running = 0
        /// The number of the latest call.
        var number = 0

        /// Begins half-open anew when the oldest probe has been out for too long.
        mutating func advance(to now: Instant) {
            guard state == .halfOpen, let limit = policy.maximumHalfOpen, let oldest = out.values.min(),
                now.since(oldest) >= limit
            else { return }
            (out, results, anew) = ([:], 0, anew + 1)
        }

        mutating func change(to next: CircuitBreaker.State, openUntil: Instant) {
            (state, self.openUntil, changes, out, results) = (next, openUntil, changes + 1, [:], 0)
        }
    }

    private let simulation: Simulation
    private let told: Book<Told>
    private let breaker: CircuitBreaker

    /// A policy that opens soon and closes soon.
    private static func policy(_ simulation: Simulation) -> CircuitBreakerPolicy {
        var policy = CircuitBreakerPolicy(
            window: simulation.one(of: [.calls(6), .time(.milliseconds(30), slices: 3), .interval(nil)]),
            minimumCalls: 4, open: .init(first: .milliseconds(8), maximum: .milliseconds(20)))
        policy.consecutiveFailures = simulation.one(of: [nil, 2])
        policy.verdict = simulation.one(of: [
            .consecutiveSuccesses(1), .consecutiveSuccesses(2), .rate(calls: 3), .successes(2, of: 3),
        ])
        policy.probeLease = nil
        policy.maximumHalfOpen = simulation.one(of: [nil, nil, .milliseconds(15)])
        policy.slowCallDuration = simulation.one(of: [nil, .milliseconds(7)])
        policy.slowCallRate = policy.slowCallDuration == nil ? nil : 0.8
        return policy
    }

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let policy = Self.policy(simulation)
        let told = Book(Told(policy: policy)), time = simulation.time
        self.told = told
        breaker = CircuitBreaker("breaker", policy: policy, time: time, chance: simulation.chance()) {
            event in
            let now = time.now
            told { told in
                simulation.note("\(event.from) to \(event.to)")
                simulation.expect(event.from == told.state, "\(event) follows \(told.state)")
                simulation.expect(Self.isLegal(event), "\(event)")
                if event.to == .halfOpen {
                    simulation.expect(now >= told.openUntil, "half-open too early")
                }
                told.change(to: event.to, openUntil: now.advanced(by: event.openFor ?? .zero))
            }
        }
    }

    private static func isLegal(_ event: CircuitBreakerEvent) -> Bool {
        switch (event.from, event.to) {
        case (.closed, .open), (.open, .halfOpen), (.halfOpen, .open), (.halfOpen, .closed): true
        default: false
        }
    }

    func call() async throws {
        let now = simulation.time.now
        let before = told { told in
            told.advance(to: now)
            return told
        }
        let mustPass = passes(before)
        do {
            if simulation.below(2) == 0 { try await permitted(mustPass) } else { try await run(mustPass) }
        } catch let rejection as Rejection {
            simulation.expect(!mustPass, "rejected: \(rejection)")
        }
    }

    /// Whether the next call must be let through.
    private func passes(_ told: Told) -> Bool {
        switch told.state {
        case .closed: true
        case .open: simulation.time.now >= told.openUntil
        case .halfOpen: told.out.count + told.results < told.policy.verdict.probes
        case .isolated, .disabled: false
        }
    }

    private func permitted(_ mustPass: Bool) async throws {
        let permit = try breaker.admit()
        simulation.expect(mustPass, "let through")
        let admitted = enter()
        simulation.expect(permit.isProbe == (admitted.state == .halfOpen), "a probe of a closed breaker")
        let outcome: CircuitBreaker.Outcome
        do {
            try await simulation.hazard()
            outcome = .success
        } catch {
            outcome = CircuitBreaker.judge(error)
        }
        let changes = leave(admitted, outcome)
        if outcome == .ignored { _ = consume permit } else { permit.settle(outcome) }
        try check(changes)
    }

    private func run(_ mustPass: Bool) async throws {
        let last = Book<Int?>(nil), isCancelled = Task.isCancelled
        do {
            try await breaker.run {
                simulation.expect(mustPass && !isCancelled, "let through")
                let admitted = enter()
                do { try await simulation.hazard() } catch {
                    // Who has left says nothing about the other side, whatever is thrown.
                    let changes = leave(admitted, Task.isCancelled ? .ignored : .failure())
                    last { $0 = changes }
                    throw error
                }
                let changes = leave(admitted, .success)
                last { $0 = changes }
            }
        } catch is InjectedFailure {}
        try check(last { $0 })
    }

    private func enter() -> Told {
        let now = simulation.time.now
        return told { told in
            told.running += 1
            told.number += 1
            if told.state == .halfOpen { told.out[told.number] = now }
            return told
        }
    }

    /// Notes what the result is about to mean.
    ///
    /// - Returns: The number of changes of state, if there must be no other now.
    private func leave(_ admitted: Told, _ outcome: CircuitBreaker.Outcome) -> Int? {
        let now = simulation.time.now
        return told { told in
            told.running -= 1
            told.advance(to: now)
            guard told.changes == admitted.changes, told.anew == admitted.anew else {
                told.late += 1
                return told.changes
            }
            if told.out.removeValue(forKey: admitted.number) != nil, outcome != .ignored { told.results += 1 }
            return nil
        }
    }

    private func check(_ changes: Int?) throws {
        if let changes {
            simulation.expect(
                told { $0.changes } == changes, "a result of an earlier state changed the state")
        }
        try Task.checkCancellation()
    }

    /// Goes on under another policy, which what is out and what was told must survive.
    func reconfigure() {
        let policy = Self.policy(simulation), now = simulation.time.now
        told { told in
            told.advance(to: now)
            told.policy = policy
        }
        simulation.note("another policy: \(policy.verdict)")
        breaker.reconfigure(policy)
    }

    /// Good calls must bring it back, whatever happened before.
    func end() async throws {
        simulation.expect(told { $0.running } == 0, "a call is still counted")
        for _ in 0..<20 where breaker.snapshot.state != .closed {
            try await simulation.time.sleep(for: .milliseconds(30))
            for _ in 0..<told({ $0.policy.verdict.probes }) { try? await breaker.run {} }
        }
        let snapshot = breaker.snapshot
        simulation.expect(snapshot.state == .closed, "it does not come back: \(snapshot)")
        let late = told { $0.late }
        simulation.expect(snapshot.late == late, "\(snapshot.late) results were late, not \(late)")
    }
}
