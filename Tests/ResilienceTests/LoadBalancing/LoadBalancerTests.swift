import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct LoadBalancerTests {
    private let clock = VirtualClock()

    private func balancer(_ targets: [String], _ policy: LoadBalancerPolicy = LoadBalancerPolicy())
        -> LoadBalancer
    {
        LoadBalancer(
            "test", targets: targets, policy: policy, time: TimeSource(clock), chance: Chance(seed: 5))
    }

    /// Keeps a choice until it is dropped.
    private final class Kept {
        private let choice: LoadBalancer.Choice
        init(_ choice: consuming LoadBalancer.Choice) { self.choice = choice }
    }

    /// How often each target is chosen when calls end at once, after `latency` of their target.
    private func choices(
        _ balancer: LoadBalancer, _ count: Int, ending end: (consuming LoadBalancer.Choice) -> Void
    ) throws -> [String: Int] {
        var chosen: [String: Int] = [:]
        for _ in 0..<count {
            let choice = try balancer.pick()
            chosen[choice.target, default: 0] += 1
            end(choice)
            clock.advance(by: .milliseconds(1))
        }
        return chosen
    }

    @Test func `equal targets get equal shares`() throws {
        let chosen = try choices(balancer(["a", "b", "c", "d"]), 4000) { $0.ignored() }
        #expect(chosen.count == 4 && chosen.values.allSatisfy { (900...1100).contains($0) })
    }

    @Test func `a slow target gets few calls, but is tried again`() throws {
        let chosen = try choices(balancer(["a", "b", "c"]), 6000) { choice in
            let latency: Duration = choice.target == "b" ? .milliseconds(800) : .milliseconds(20)
            choice.success(latency: latency)
        }
        #expect((1..<300).contains(chosen["b"] ?? 0))
    }

    @Test func `the latency is that since the choice unless the caller knows better`() throws {
        let balancer = balancer(["a"])
        let choice = try balancer.pick()
        clock.advance(by: .seconds(3))
        choice.success()
        #expect(balancer.snapshot.first?.latency == .seconds(3))
    }

    @Test func `calls in flight make a target dearer`() throws {
        let balancer = balancer(["a", "b"])
        var kept: [Kept] = []
        for _ in 0..<20 { kept.append(Kept(try balancer.pick())) }
        #expect(balancer.snapshot.map(\.inFlight) == [10, 10])
        withExtendedLifetime(kept) {}
    }

    @Test func `a choice that is dropped ends, and nothing is learned from it`() throws {
        let untouched = self.balancer(["a", "b"]), balancer = balancer(["a", "b"])
        var kept: [Kept] = []
        for _ in 0..<4 { kept.append(Kept(try balancer.pick())) }
        #expect(balancer.snapshot.map(\.inFlight) == [2, 2])
        clock.advance(by: .seconds(60))
        kept = []
        #expect(balancer.snapshot.map(\.inFlight) == [0, 0])
        #expect(balancer.snapshot.map(\.latency) == untouched.snapshot.map(\.latency))
    }

    @Test func `a target that fails quickly does not draw the calls`() throws {
        let balancer = balancer(["a", "b", "c"], LoadBalancerPolicy(outliers: nil))
        let chosen = try choices(balancer, 3000) { choice in
            if choice.target == "b" {
                choice.failed(latency: .milliseconds(1))
            } else {
                choice.success(latency: .milliseconds(200))
            }
        }
        #expect((chosen["b"] ?? 0) < 30)
    }

    @Test func `excluded targets are not chosen, and without any there is a rejection`() throws {
        let balancer = balancer(["a", "b"])
        for _ in 0..<20 { #expect(try balancer.pick(excluding: ["a"]).target == "b") }
        #expect(throws: Rejection(.noTarget, strategy: "test")) {
            _ = try balancer.pick(excluding: ["a", "b"])
        }
        #expect(throws: Rejection(.noTarget, strategy: "test")) { _ = try self.balancer([]).pick() }
    }

    @Test func `other targets keep what is known of those that stay`() throws {
        let balancer = balancer(["a", "b"])
        try balancer.pick(excluding: ["a"]).success(latency: .seconds(9))
        let inFlight = try balancer.pick(excluding: ["a"]), gone = try balancer.pick(excluding: ["b"])
        balancer.update(targets: ["c", "b", "c"])
        #expect(balancer.snapshot.map(\.target) == ["c", "b"])
        #expect(balancer.snapshot.map(\.latency) == [.seconds(1), .seconds(9)])
        #expect(balancer.snapshot.map(\.inFlight) == [0, 1])
        gone.failed()
        inFlight.success(latency: .seconds(10))
        #expect(balancer.snapshot.map(\.latency) == [.seconds(1), .seconds(10)])
        #expect(balancer.snapshot.map(\.inFlight) == [0, 0])
    }

    @Test func `an ejected target is left out for its time and then comes back`() throws {
        let balancer = balancer(
            ["a", "b"], LoadBalancerPolicy(outliers: OutlierEjectionPolicy(jitter: .zero)))
        for _ in 0..<5 { try balancer.pick(excluding: ["a"]).failed() }
        #expect(balancer.snapshot.map(\.ejectedFor) == [.zero, .seconds(30)])
        for _ in 0..<50 { #expect(try balancer.pick().target == "a") }
        for _ in 0..<50 { try balancer.pick().failed() }
        #expect(balancer.snapshot.map(\.ejectedFor) == [.zero, .seconds(30)], "the last one stays")
        clock.advance(by: .seconds(30))
        let chosen = try choices(balancer, 200) { $0.ignored() }
        #expect((chosen["b"] ?? 0) > 0)
        // Its failures in a row were not forgotten: only that it was the last one had kept it.
        try balancer.pick(excluding: ["b"]).failed()
        #expect(balancer.snapshot.map(\.ejectedFor) == [.seconds(30), .zero])
        balancer.update(targets: ["a"])
        #expect(try balancer.pick().target == "a", "what is left takes part again")
    }

    @Test func `where all that may be chosen are left out, one of them is chosen all the same`() throws {
        let balancer = balancer(
            ["a", "b"], LoadBalancerPolicy(outliers: OutlierEjectionPolicy(jitter: .zero)))
        for _ in 0..<5 { try balancer.pick(excluding: ["a"]).failed() }
        #expect(balancer.snapshot.map(\.ejectedFor) == [.zero, .seconds(30)])
        #expect(try balancer.pick(excluding: ["a"]).target == "b")
        #expect(throws: Rejection(.noTarget, strategy: "test")) {
            _ = try balancer.pick(excluding: ["a", "b"])
        }
    }

    @Test func `after a long quiet the calls in flight still tell targets apart`() throws {
        let balancer = balancer(["a", "b"])
        clock.advance(by: .seconds(100_000))
        #expect(balancer.snapshot.map(\.latency) == [.zero, .zero])
        var first = try balancer.pick(), second = try balancer.pick()
        for _ in 0..<50 {
            #expect(first.target != second.target)
            first.ignored()
            first = try balancer.pick()
            second.ignored()
            second = try balancer.pick()
        }
        first.ignored()
        second.ignored()
    }

    @Test(arguments: Array<UInt64>(1...20))
    func `a call finds a target whenever one may be chosen, and a healthy one if there is one`(seed: UInt64) {
        var chance = Chance(seed: seed), now: Int64 = 0, targets = (0..<5).map { "\($0)" }
        var outliers = OutlierEjectionPolicy(consecutiveFailures: 2, maximumShare: 0.7)
        if seed % 5 == 0 { outliers.maximumShare = 1 }
        var machine = LoadBalancer.StateMachine(
            LoadBalancerPolicy(outliers: outliers), targets: targets, chance: Chance(seed: seed))
        var tickets: [LoadBalancer.Ticket] = []
        for _ in 0..<600 {
            now += Int64(chance.next() % 2_000_000_000)
            let excluded = targets.filter { _ in chance.next() % 3 == 0 }
            let allowed = machine.slots.filter { !excluded.contains(machine.target($0)) }
            guard let ticket = machine.pick(excluding: excluded, at: now) else {
                #expect(allowed.isEmpty, "seed \(seed)")
                continue
            }
            #expect(allowed.contains(ticket.slot), "seed \(seed)")
            let isHealthy = !machine.outliers.isEjected(ticket.slot)
            #expect(isHealthy || allowed.allSatisfy { machine.outliers.isEjected($0) }, "seed \(seed)")
            tickets.append(ticket)
            if chance.next() % 3 > 0 {
                let ended = tickets.remove(at: Int(chance.next() % UInt64(tickets.count)))
                let outcomes: [LoadBalancer.Outcome] = [
                    .success(1e7), .failure(1e6), .failure(1e9), .ignored,
                ]
                machine.finish(ended, outcomes[Int(chance.next() % 4)], at: now)
            }
            if chance.next() % 100 == 0 {
                targets = (0..<1 + chance.next() % 8).map { "\($0)" }
                machine.update(targets, at: now)
            }
        }
        for ticket in tickets { machine.finish(ticket, .ignored, at: now) }
        #expect(machine.slots.allSatisfy { machine.inFlight($0) == 0 }, "seed \(seed)")
    }

    // MARK: The estimate

    @Test(arguments: [
        (0.0, 1.0), (0.1, 0.9048374180359595), (1, 0.36787944117144233), (10, 4.5399929762484854e-05),
        (100, 3.720075976020836e-44), (699, 2.680137958338607e-304), (5000, 0), (.infinity, 0), (-3, 1),
    ])
    func `the inverse exponential is exact`(x: Double, expected: Double) {
        #expect(abs(PeakEWMA.inverseExponential(x) - expected) <= expected * 1e-8 + .leastNonzeroMagnitude)
    }

    @Test func `a slow answer counts at once and a fast one with time`() {
        var estimate = PeakEWMA(decay: .seconds(10), at: Instant())
        #expect(estimate.estimate(at: Instant()) == .seconds(1))
        estimate.observe(.seconds(4), at: Instant())
        estimate.observe(.seconds(1), at: Instant())
        #expect(estimate.estimate(at: Instant()) == .seconds(4))
        estimate.observe(.seconds(1), at: Instant(sinceOrigin: .seconds(10)))
        let left = estimate.estimate(at: Instant(sinceOrigin: .seconds(10))) / .seconds(1)
        #expect(abs(left - (1 + 3 * 0.36787944117144233)) < 1e-6)
        // A clock that went back.
        #expect(abs(estimate.estimate(at: Instant()) / .seconds(1) - left) < 1e-6)
    }
}

extension LoadBalancer.StateMachine {
    fileprivate var slots: Range<Int> { 0..<count }
}
