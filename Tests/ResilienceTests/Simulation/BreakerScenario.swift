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
private final class BreakerScene: Sendable {
    private struct Told {
        var state = CircuitBreaker.State.closed
        var changes = 0
        var since = Instant()
        var openUntil = Instant()
        /// The probes of this half-open time that are out, and the results of the others.
        var out = 0, results = 0
        var late = 0
        var running = 0
    }

    private let simulation: Simulation
    private let policy: CircuitBreakerPolicy
    private let told = Book(Told())
    private let breaker: CircuitBreaker

    init(_ simulation: Simulation) {
        self.simulation = simulation
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
        self.policy = policy
        let told = told, time = simulation.time
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
                told = Told(
                    state: event.to, changes: told.changes + 1, since: now,
                    openUntil: now.advanced(by: event.openFor ?? .zero), late: told.late,
                    running: told.running)
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
        let before = told { $0 }, mustPass = passes(before)
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
        case .halfOpen: !isOverdue(told) && told.out + told.results < policy.verdict.probes
        case .isolated, .disabled: false
        }
    }

    private func isOverdue(_ told: Told) -> Bool {
        policy.maximumHalfOpen.map { simulation.time.now.since(told.since) >= $0 } ?? false
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
        let last = Book<Int?>(nil)
        do {
            try await breaker.run {
                simulation.expect(mustPass, "let through")
                let admitted = enter()
                let outcome: CircuitBreaker.Outcome
                do {
                    try await simulation.hazard()
                    outcome = .success
                } catch {
                    outcome = CircuitBreaker.judge(error)
                }
                let changes = leave(admitted, outcome)
                last { $0 = changes }
                switch outcome {
                case .success: return
                case .failure: throw InjectedFailure(number: 0)
                case .ignored: throw CancellationError()
                }
            }
        } catch is InjectedFailure {}
        try check(last { $0 })
    }

    private func enter() -> Told {
        told { told in
            told.running += 1
            if told.state == .halfOpen { told.out += 1 }
            return told
        }
    }

    /// Notes what the result is about to mean.
    ///
    /// - Returns: The number of changes of state, if there must be no other now.
    private func leave(_ admitted: Told, _ outcome: CircuitBreaker.Outcome) -> Int? {
        told { told in
            told.running -= 1
            let isStale = told.changes != admitted.changes
            let isOverdue = told.state == .halfOpen && self.isOverdue(told)
            if isStale || isOverdue { told.late += 1 }
            if !isStale, told.state == .halfOpen {
                told.out -= 1
                if outcome != .ignored { told.results += 1 }
            }
            return isStale ? told.changes : nil
        }
    }

    private func check(_ changes: Int?) throws {
        if let changes {
            simulation.expect(
                told { $0.changes } == changes, "a result of an earlier state changed the state")
        }
        try Task.checkCancellation()
    }

    /// Good calls must bring it back, whatever happened before.
    func end() async throws {
        simulation.expect(told { $0.running } == 0, "a call is still counted")
        for _ in 0..<20 where breaker.snapshot.state != .closed {
            try await simulation.time.sleep(for: .milliseconds(30))
            for _ in 0..<policy.verdict.probes { try? await breaker.run {} }
        }
        let snapshot = breaker.snapshot
        simulation.expect(snapshot.state == .closed, "it does not come back: \(snapshot)")
        let late = told { $0.late }
        simulation.expect(snapshot.late == late, "\(snapshot.late) results were late, not \(late)")
    }
}
