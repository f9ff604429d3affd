import Testing

@testable import Simulation

@Suite struct WorldTests {
    private func world(
        _ scenario: String = "calm", seed: UInt64 = 1, change: (JSONValue) -> JSONValue = { $0 }
    ) throws -> World {
        let file = try WorldFile(change(Worlds.small()))
        return World(try #require(file.scenario(named: scenario)), in: file, seed: seed)
    }

    /// All attempts of a fixed policy: each request at each provider, as it arrives.
    private func attempts(_ world: World) -> [World.Attempt] {
        var world = world
        return world.requests.flatMap { request in
            world.sites.indices.map { world.attempt(of: request.index, at: $0, time: request.arrival) }
        }
    }

    @Test func `two worlds of one seed are equal, and those of two seeds are not`() throws {
        let one = try world("rough", seed: 7), same = try world("rough", seed: 7)
        let other = try world("rough", seed: 8)
        #expect(one.requests == same.requests && one.requests != other.requests)
        #expect(attempts(one) == attempts(same) && attempts(one) != attempts(other))
    }

    @Test func `a copy of a world goes on by itself`() throws {
        let start = try world("rough")
        let first = attempts(start)
        #expect(attempts(start) == first)
    }

    @Test func `what an attempt meets does not depend on what was asked before`() throws {
        let unlimited: (JSONValue) -> JSONValue = {
            $0.with(.number(1e6), at: "providers", 0, "limit_rps").with(
                .number(1e6), at: "providers", 0, "limit_burst")
        }
        var world = try world(change: unlimited), fresh = world
        for request in world.requests { _ = world.attempt(of: request.index, at: 1, time: request.arrival) }
        for request in world.requests {
            let late = world.attempt(of: request.index, at: 0, time: request.arrival).outcome
            #expect(late == fresh.attempt(of: request.index, at: 0, time: request.arrival).outcome)
        }
    }

    @Test func `the next attempt of a request at a provider has luck of its own`() throws {
        var world = try world()
        let outcomes = (0..<2).map { _ in world.attempt(of: 0, at: 1, time: 1).outcome }
        #expect(outcomes[0] != outcomes[1])
    }

    @Test func `a burst passes, then the rate limit refuses and says for how long`() throws {
        var world = try world()
        let shares = (0..<3).map { world.attempt(of: $0, at: 0, time: 10).remainingShare }
        #expect(shares == [0.5, 0, 0])
        #expect(world.attempt(of: 3, at: 0, time: 10.25).outcome == .rejected(retryAfter: 0.75))
        let later = world.attempt(of: 4, at: 0, time: 11)
        #expect(later.outcome.total != World.rejectionTime && later.remainingShare == 0)
    }

    @Test func `a limit that an incident brings to zero asks for the longest wait`() throws {
        let path: [Step] = ["scenarios", 1, "incidents", 1]
        var world = try world("rough") {
            $0.with(.number(0), at: (path + ["limit_mult"])[...])
                .with(.text("step"), at: (path + ["shape"])[...])
        }
        _ = world.attempt(of: 0, at: 0, time: 45)
        #expect(world.attempt(of: 1, at: 0, time: 50).outcome == .rejected(retryAfter: 30))
    }

    @Test func `attempts above the soft concurrency are slower`() throws {
        let idle = try world()
        var busy = idle
        for _ in 0..<6 { busy.begin(at: 0) }
        var compared = 0
        for (slow, usual) in zip(attempts(busy), attempts(idle)) where slow != usual {
            guard case .answer(let first, let total, _) = slow.outcome,
                case .answer(let usualFirst, let usualTotal, _) = usual.outcome
            else {
                Issue.record("\(slow) instead of \(usual)")
                continue
            }
            #expect(abs(first - 3 * usualFirst) < 1e-9 && abs(total - 3 * usualTotal) < 1e-9)
            compared += 1
        }
        #expect(compared > 50)
        for _ in 0..<7 { busy.end(at: 0) }
        #expect(busy.inFlight(at: 0) == 0)
        #expect(attempts(busy) == attempts(idle))
    }

    @Test(arguments: [
        (4.9, 1000, 0.01, 0.001), (5.0, 1000, 0.505, 0.001), (5.0, 99, 0.01, 0.001),
        (6.9, 1000, 0.505, 0.001), (7.0, 1000, 0.01, 0.001), (13.0, 1000, 0.505, 0.001),
        (60, 99, 0.01, 0.25075), (80, 99, 0.01, 0.001),
    ])
    func `an incident is felt in its time, at its strength and by those it concerns`(
        time: Double, input: Int, error: Double, hang: Double
    ) throws {
        let conditions = try world("rough").conditions(at: 0, time: time, input: input)
        #expect(abs(conditions.errorShare - error) < 1e-12)
        #expect(abs(conditions.hangShare - hang) < 1e-12)
    }

    @Test func `a ramp at its half has half its effect on all figures`() throws {
        let half = try world("rough").conditions(at: 0, time: 60, input: 0)
        #expect(half.firstTokenMultiple == 3 && half.tokenMultiple == 1.5 && half.limitMultiple == 0.75)
        #expect(abs(half.invalidShare - (1 - 0.99 * 0.875)) < 1e-12)
    }

    @Test func `a scenario replaces figures of providers for itself alone`() throws {
        let calm = try world("calm").conditions(at: 1, time: 0, input: 0)
        let rough = try world("rough").conditions(at: 1, time: 0, input: 0)
        #expect(abs(calm.errorShare - 0.01) < 1e-12 && abs(rough.errorShare - 0.25) < 1e-12)
    }

    @Test func `incidents may stand in any order`() throws {
        let one = try world("rough")
        let other = try world("rough") {
            guard case .list(let incidents)? = $0["scenarios", 1, "incidents"] else { return $0 }
            return $0.with(.list(incidents.reversed()), at: "scenarios", 1, "incidents")
        }
        for time in [0.0, 6, 41, 45.5, 54, 79] {
            #expect(
                one.conditions(at: 0, time: time, input: 1000)
                    == other.conditions(at: 0, time: time, input: 1000))
        }
    }

    @Test func `many incidents at once stay finite`() throws {
        let incident = JSONValue.members([
            "providers": .list([.text("ash")]), "start": .number(0), "duration": .number(100),
            "ttft_mult": .number(1e6), "itl_mult": .number(1e6), "limit_mult": .number(1e6),
        ])
        var world = try world("rough") {
            $0.with(
                .list(Array(repeating: incident, count: 200)), at: "scenarios", 1, "incidents")
        }
        let attempt = world.attempt(of: 0, at: 0, time: 50)
        #expect(attempt.outcome.total.isFinite && attempt.remainingShare.isFinite)
        #expect(world.conditions(at: 0, time: 50, input: 0).tokenMultiple == World.mostMultiple)
    }

    @Test func `more arrive in busy segments, the last of which counts`() throws {
        let arrival = try world("rough").scenario.arrival
        let noon = 43_200.0
        #expect(arrival.peakRate == 9)
        #expect(abs(arrival.rate(at: noon) - 3) < 1e-12)
        for (time, multiple) in [(9.99, 1), (10, 3), (15, 0.5), (29.99, 0.5), (30, 1)] {
            #expect(abs(arrival.rate(at: time) / arrival.rate(at: 0) - multiple) < 1e-3, "\(time)")
        }
    }

    @Test func `a whole answer costs its tokens, one given up what was made of it`() throws {
        let world = try world()
        let request = World.Request(
            index: 0, arrival: 0, input: 1_000, output: 100, estimate: 100, isBad: false)
        let answer = World.Outcome.answer(firstToken: 1, total: 5, isValid: false)
        let input = 0.002, output = 0.001
        #expect(abs(world.cost(of: request, at: 0) - (input + output)) < 1e-15)
        for (elapsed, share) in [(0.5, 0), (1, 0), (2, 0.25), (5, 1), (9, 1)] {
            let cost = world.cost(of: request, at: 0, givenUpAfter: elapsed, of: answer)
            #expect(abs(cost - (input + share * output)) < 1e-15, "\(elapsed)")
        }
        for free in [.hang, .badRequest, .rejected(retryAfter: 1), .serverError(after: 1)]
            as [World.Outcome]
        {
            #expect(world.cost(of: request, at: 0, givenUpAfter: 2, of: free) == 0)
        }
    }
}
