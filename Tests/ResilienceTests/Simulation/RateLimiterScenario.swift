import ResilienceTesting

@testable import Resilience

extension Scenario {
    // Time must not go on while somebody could run: what passes late passes beside others.
    static let rateLimiter = Scenario(
        "waiting for a rate limiter", .punctual, ends: [.success, .rejected(.rateLimited)]
    ) { simulation in
        let scene = RateLimiterScene(simulation)
        simulation.crowd(10, calls: 2, within: .milliseconds(40)) { _ in try await scene.call() }
        await simulation.untilIdle()
        try await scene.end()
    }
}

extension SimulationPolicy {
    /// Time goes on only when nobody can run.
    static var punctual: SimulationPolicy {
        var policy = SimulationPolicy()
        policy.late = 0
        return policy
    }
}

private final class RateLimiterScene: Sendable {
    private struct Pass {
        var at: Duration
        var permits: Int
    }

    private struct Passes {
        var arrivals = 0
        /// By the number of their arrival.
        var passes: [Int: Pass] = [:]
    }

    private let simulation: Simulation
    private let policy: RateLimitPolicy
    private let limiter: RateLimiter
    private let book = Book(Passes())

    init(_ simulation: Simulation) {
        self.simulation = simulation
        policy = RateLimitPolicy(
            permits: 3, per: .milliseconds(10),
            algorithm: simulation.one(of: [.tokenBucket, .slidingWindow, .cycles]),
            maximumWait: .milliseconds(simulation.one(of: [15, 60])), maximumWaiters: 4)
        limiter = RateLimiter("limiter", policy: policy, time: simulation.time)
    }

    func call() async throws {
        let permits = 1 + simulation.below(2)
        let number = book {
            $0.arrivals += 1; return $0.arrivals
        }
        simulation.note("\(number) asks for \(permits) of \(limiter.load)")
        do {
            switch simulation.below(5) {
            case 0: try limiter.acquire(permits: permits)
            case 1:
                simulation.note("\(number) reserves")
                guard let wait = limiter.reserve(permits: permits, upTo: .milliseconds(10)) else { return }
                return pass(number, permits, at: simulation.time.now.advanced(by: wait))
            default:
                let begun = simulation.time.now
                simulation.note("\(number) waits, \(policy.algorithm)")
                try await limiter.wait(permits: permits)
                simulation.succeeded()
                let waited = simulation.time.now.since(begun)
                simulation.expect(waited <= policy.maximumWait, "waited \(waited)")
            }
            pass(number, permits, at: simulation.time.now)
        } catch {
            simulation.expectFair(error, rejections: [.rateLimited])
        }
        let load = limiter.load
        simulation.expect(load.waiting <= policy.maximumWaiters, "\(load.waiting) wait")
        simulation.expect(load.available <= policy.permits, "\(load.available) permits")
        try Task.checkCancellation()
    }

    private func pass(_ number: Int, _ permits: Int, at moment: Instant) {
        simulation.note("\(number) passes with \(permits) at \(moment.sinceOrigin)")
        book { $0.passes[number] = Pass(at: moment.sinceOrigin, permits: permits) }
    }

    func end() async throws {
        let passes = book { $0.passes.sorted { $0.key < $1.key }.map(\.value) }
        simulation.expect(
            zip(passes, passes.dropFirst()).allSatisfy { $0.at <= $1.at }, "someone was overtaken")
        for (index, first) in passes.enumerated() {
            var sum = 0
            for pass in passes[index...] {
                sum += pass.permits
                simulation.expect(
                    sum <= bound(from: first.at, to: pass.at), "\(sum) permits from \(first.at) to \(pass.at)"
                )
            }
        }
        try await simulation.time.sleep(for: .seconds(1))
        let load = limiter.load
        simulation.expect(load == (policy.permits, 0), "\(load) at the end")
    }

    /// The most permits that may pass from one moment to another, both included.
    private func bound(from first: Duration, to last: Duration) -> Int {
        switch policy.algorithm {
        case .tokenBucket:
            policy.permits + Int(((last - first) / policy.period * Double(policy.permits)).rounded(.down))
        case .slidingWindow: last - first < policy.period ? policy.permits : .max
        // A call for two may take the first of them from the period before.
        case .cycles: policy.permits * (1 + Int(last / policy.period) - Int(first / policy.period)) + 1
        }
    }
}
