import Resilience
import Routing
import Testing

@testable import Simulation

/// Policies by themselves, without a play: what they choose after what they have seen.
@Suite struct PolicyTests {
    // MARK: Baselines

    @Test func `the primary is left for 60 s after five failures, and again after the next one`() throws {
        let (world, utility) = try Self.steady()
        var policy = PrimarySecondary(world, utility: utility, seed: 1000)
        for time in 0..<4 { policy.see(.serverError, at: 0, time: Double(time), in: world) }
        #expect(policy.asks(world, at: 4) == 0)
        policy.see(.serverError, at: 0, time: 4, in: world)
        #expect(policy.asks(world, at: 4) == 1)
        #expect(policy.asks(world, at: 63.9) == 1)
        #expect(policy.asks(world, at: 64) == 0)
        policy.see(.timedOut, at: 0, time: 64, in: world)
        #expect(policy.asks(world, at: 123.9) == 1)
        #expect(policy.asks(world, at: 124) == 0)
        policy.see(.invalid, at: 0, time: 124, in: world)
        policy.see(.serverError, at: 0, time: 125, in: world)
        #expect(policy.asks(world, at: 126) == 0, "an answer closes the breaker, even one of no use")
    }

    @Test func `the primary's failures must be in a row, and bad requests are not its failures`() throws {
        let (world, utility) = try Self.steady()
        var policy = PrimarySecondary(world, utility: utility, seed: 1000)
        for time in 0..<20 {
            let kind: SimulatedResult.Kind = time % 5 == 4 ? .valid : .serverError
            policy.see(kind, at: 0, time: Double(time), in: world)
            #expect(policy.asks(world, at: Double(time)) == 0)
        }
        for time in 20..<40 { policy.see(.badRequest, at: 0, time: Double(time), in: world) }
        #expect(policy.asks(world, at: 40) == 0)
    }

    @Test func `round robin takes turns and leaves one out for 300 s after three failures`() throws {
        let (world, utility) = try Self.steady()
        var policy = RoundRobin(world, utility: utility, seed: 1)
        #expect((0..<6).map { _ in policy.asks(world, at: 0) } == [1, 2, 3, 4, 0, 1])
        for _ in 0..<3 { policy.see(.serverError, at: 2, time: 10, in: world) }
        #expect(!(0..<10).map { _ in policy.asks(world, at: 309.9) }.contains(2))
        #expect((0..<10).map { _ in policy.asks(world, at: 310) }.contains(2))
    }

    @Test(arguments: baselines)
    func `a baseline asks nobody twice and the low ones last, and gives up after three attempts`(
        name: PolicyName
    ) throws {
        let (world, utility) = try Self.steady()
        var policy = try #require(name.policy(in: world, utility: utility, seed: 3))
        var request = Self.request(in: world)
        for attempt in 0..<3 {
            let plan = policy.plan(for: request, at: Double(attempt), in: world)
            let choice = try #require(plan.order.first)
            #expect(!choice.isForced && !request.hasFailed(at: choice.candidate) && choice.candidate != 5)
            request.failed(at: choice.candidate)
        }
        #expect(policy.plan(for: request, at: 3, in: world).givesUp)
        var worn = Self.request(in: world)
        for provider in 0..<5 { worn.failuresAt[provider] = 1 }
        #expect(policy.asks(world, at: 4, for: worn) == 5, "the low one is all that is left")
    }

    @Test(arguments: baselines)
    func `a baseline asks again by force when everybody has failed`(name: PolicyName) throws {
        let (world, utility) = try Self.small()
        var policy = try #require(name.policy(in: world, utility: utility, seed: 3))
        var request = Self.request(in: world)
        request.failed(at: 0)
        request.failed(at: 1)
        let plan = policy.plan(for: request, at: 0, in: world)
        #expect(plan.order.count == 1 && plan.order[0].isForced && !plan.givesUp)
    }

    @Test func `simple-shuffle rests a provider as long as its rate limit says, but at least 5 s`() throws {
        let (world, utility) = try Self.steady()
        var policy = LiteLLMShuffle(world, utility: utility, seed: 5)
        policy.see(.rejected(retryAfter: 1), at: 0, time: 0, in: world)
        policy.see(.rejected(retryAfter: 20), at: 1, time: 0, in: world)
        policy.see(.serverError, at: 2, time: 0, in: world)
        #expect(policy.asked(world, at: 4.9) == [2, 3, 4], "one failure alone is none of a majority")
        policy.see(.serverError, at: 2, time: 1, in: world)
        #expect(policy.asked(world, at: 5.9) == [0, 3, 4])
        #expect(policy.asked(world, at: 6) == [0, 2, 3, 4])
        #expect(policy.asked(world, at: 20) == [0, 1, 2, 3, 4])
    }

    @Test func `simple-shuffle draws in proportion to the rate limits`() throws {
        let (world, utility) = try Self.steady()
        var policy = LiteLLMShuffle(world, utility: utility, seed: 6), counts = Array(repeating: 0, count: 6)
        for _ in 0..<34_000 { if let provider = policy.asks(world, at: 0) { counts[provider] += 1 } }
        for (provider, expected) in [10_000, 8000, 8000, 6000, 2000, 0].enumerated() {
            #expect(abs(counts[provider] - expected) < 400, "provider \(provider): \(counts)")
        }
    }

    @Test func `lowest-latency tries everybody once, then stays with the fastest until it times out`() throws
    {
        let (world, utility) = try Self.steady()
        var policy = LiteLLMLowestLatency(world, utility: utility, seed: 7)
        for provider in 0..<4 {
            policy.see(.valid, at: provider, elapsed: provider == 2 ? 1 : 2, time: 0, in: world)
        }
        #expect(policy.asked(world, at: 0) == [4])
        policy.see(.valid, at: 4, elapsed: 3, time: 0, in: world)
        #expect(policy.asked(world, at: 0) == [2])
        policy.see(.timedOut, at: 2, elapsed: 30, time: 0, in: world)
        #expect(policy.asked(world, at: 0) == [0])
    }

    @Test func `OpenRouter's rule avoids who had an outage within 30 s, unless everybody had`() throws {
        let (world, utility) = try Self.steady()
        var policy = OpenRouter(world, utility: utility, seed: 8)
        policy.see(.serverError, at: 3, time: 0, in: world)
        #expect(policy.asked(world, at: 1).contains(3), "one failure is no outage")
        policy.see(.serverError, at: 3, time: 1, in: world)
        #expect(!policy.asked(world, at: 30).contains(3))
        #expect(policy.asked(world, at: 30.5).contains(3))
        for provider in 0..<5 {
            for _ in 0..<2 { policy.see(.timedOut, at: provider, time: 40, in: world) }
        }
        #expect(policy.asked(world, at: 41).count >= 2)
        policy.see(.rejected(retryAfter: 3), at: 3, time: 41, in: world)
        #expect(!policy.asked(world, at: 43.9).contains(3))
    }

    @Test func `of two choices the less loaded is asked, and the slower one less`() throws {
        let (world, utility) = try Self.steady()
        var policy = TwoChoices(world, utility: utility, seed: 9)
        for provider in 0..<5 { policy.see(.valid, at: provider, elapsed: 1, time: 0, in: world) }
        let request = Self.request(in: world)
        for id in 0..<3 { policy.began(Self.attempt(at: 2, time: 0, id: id), of: request, at: 0) }
        #expect(policy.asked(world, at: 0) == [0, 1, 3, 4])
        for id in 0..<3 {
            policy.cancelled(Self.attempt(at: 2, time: 0, id: id), of: request, hadFirstToken: false, at: 0)
        }
        #expect(policy.asked(world, at: 0) == [0, 1, 2, 3, 4])
        policy.see(.valid, at: 4, elapsed: 9, time: 0, in: world)
        #expect(policy.asked(world, at: 0) == [0, 1, 2, 3])
    }

    @Test func `failure accrual doubles its pause up to 60 s, and an answer resets it`() throws {
        var breaker = ConsecutiveFailures(
            .init(threshold: 5, pause: 5, longestPause: 60, remembered: 4), providers: 1)
        for _ in 0..<4 { breaker.noteFailure(at: 0, time: 0) }
        #expect(breaker.admits(0, at: 0))
        for pause in [5.0, 10, 20, 40, 60, 60] {
            breaker.noteFailure(at: 0, time: 100)
            #expect(!breaker.admits(0, at: 99.9 + pause) && breaker.admits(0, at: 100 + pause))
        }
        breaker.noteSuccess(at: 0)
        for _ in 0..<5 { breaker.noteFailure(at: 0, time: 200) }
        #expect(!breaker.admits(0, at: 204.9) && breaker.admits(0, at: 205))
    }

    // MARK: Learners

    @Test(arguments: learners)
    func `a learner finds the only provider that works, and another one when that changes`(
        name: PolicyName
    ) throws {
        let (world, utility) = try Self.steady()
        var policy = try #require(name.policy(in: world, utility: utility, seed: 11))
        var hits = [0, 0]
        for second in 0..<3600 {
            let right = second < 1800 ? 3 : 1, time = Double(second)
            let asked = policy.asks(world, at: time), provider = try #require(asked)
            policy.see(provider == right ? .valid : .serverError, at: provider, time: time, in: world)
            if second % 1800 >= 1500, provider == right { hits[second / 1800] += 1 }
        }
        #expect(hits[0] > 150 && hits[1] > 150, "\(name): \(hits) of 300")
    }

    @Test func `a window's sum is that of what was not forgotten`() {
        var window = SlidingWindow()
        for time in 0..<1000 {
            window.append(Double(time % 3), at: Double(time))
            window.forget(before: Double(time - 99))
        }
        #expect(window.count == 100)
        #expect(window.sum == (900..<1000).reduce(0.0) { $0 + Double($1 % 3) })
    }

    @Test func `a matrix times its inverse is one`() {
        var matrix = Matrix4.diagonal(1)
        for vector in [SIMD4(1.0, 2, 3, 4), SIMD4(0.5, -1, 2, 0), SIMD4(3, 1, -2, 1)] {
            for row in 0..<4 { matrix[row] += vector[row] * vector }
        }
        let inverse = matrix.inverted()
        for row in 0..<4 {
            let product = matrix.times(inverse[row])  // Symmetric, so rows are columns.
            for column in 0..<4 { #expect(abs(product[column] - (row == column ? 1 : 0)) < 1e-9) }
        }
    }

    // MARK: Helpers

    static let learners: [PolicyName] = [
        .slidingWindowThompson, .discountedThompson, .discountedUCB, .slidingWindowUCB, .exp3S, .linUCB,
    ]
    static let baselines = PolicyName.allCases.filter { $0 != .adaptive && !$0.isOracle }

    static func steady() throws -> (World, WorldFile.Utility) { try world("s01_steady") }

    static func world(_ scenario: String) throws -> (World, WorldFile.Utility) {
        let file = try Worlds.file("stress")
        return (World(try #require(file.scenario(named: scenario)), in: file, seed: 1000), file.utility)
    }

    static func small() throws -> (World, WorldFile.Utility) {
        let file = try WorldFile(try Worlds.small())
        return (World(try #require(file.scenario(named: "calm")), in: file, seed: 1000), file.utility)
    }

    static func request(in world: World, _ index: Int = 0) -> SimulatedRequest {
        let request = world.requests[index]
        return SimulatedRequest(
            request: request, deadline: request.arrival + 30,
            failuresAt: Array(repeating: 0, count: world.scenario.providers.count))
    }

    static func attempt(at provider: Int, time: Double, id: Int = 0) -> SimulatedAttempt {
        SimulatedAttempt(id: id, provider: provider, began: time)
    }
}

// MARK: Oracles and the catalogue

extension PolicyTests {
    @Test(arguments: ["s02_outage_fast", "s03_outage_hang", "s07_correlated", "s12_surge"])
    func `an oracle never asks who is down or without a token`(scenario: String) throws {
        let (start, utility) = try Self.world(scenario)
        for kind in [Oracle.Kind.state, .bid] {
            var world = start
            var oracle = Oracle(world, utility: utility, seed: 0, kind)
            for index in world.requests.indices {
                let request = Self.request(in: world, index), time = request.request.arrival
                let choice = oracle.plan(for: request, at: time, in: world).order.first
                guard let choice else { continue }
                let now = world.conditions(
                    at: choice.candidate, time: time, input: request.request.input)
                #expect((1 - now.errorShare) * (1 - now.hangShare) > 0.05)
                #expect((choice.hedgeAfter != nil) == (kind == .bid) && choice.firstToken != nil)
                let attempt = world.attempt(of: index, at: choice.candidate, time: time)
                if case .rejected = attempt.outcome { Issue.record("\(kind) was refused at \(time)") }
            }
        }
    }

    @Test func `an oracle waits when nobody has a token, and gives up after six attempts`() throws {
        let (start, utility) = try Self.small()
        var world = start
        for provider in 0..<2 {
            for _ in 0..<4 { _ = world.attempt(of: 0, at: provider, time: 0) }
        }
        var oracle = Oracle(world, utility: utility, seed: 0, .state), request = Self.request(in: world)
        let plan = oracle.plan(for: request, at: 0, in: world)
        #expect(plan.order.isEmpty && plan.standBy == Plan.StandBy(0.25) && !plan.givesUp)
        #expect(!oracle.plan(for: request, at: 2, in: world).order.isEmpty)
        request.attempts = 6
        #expect(oracle.plan(for: request, at: 2, in: world).givesUp)
    }

    @Test func `an oracle's hedge goes to another one that has not failed`() throws {
        let (world, utility) = try Self.steady()
        var oracle = Oracle(world, utility: utility, seed: 0, .bid), request = Self.request(in: world)
        var beside = Self.attempt(at: 0, time: 0), hedged: Set<Int> = []
        for _ in 0..<4 {
            let plan = oracle.hedge(request, beside: beside, at: 1, in: world)
            let choice = try #require(plan?.order.first)
            hedged.insert(choice.candidate)
            request.failed(at: beside.provider)
            beside = Self.attempt(at: choice.candidate, time: 1)
        }
        #expect(hedged == [1, 2, 3, 4])
        #expect(oracle.hedge(request, beside: beside, at: 1, in: world) == nil, "no low one is a hedge")
    }

    @Test func `looking at a bucket tells what an attempt meets, and changes nothing`() throws {
        var (world, _) = try Self.world("s05_ratelimit_storm")
        for index in world.requests.indices {
            let request = world.requests[index], provider = index % 3, time = request.arrival
            let now = world.conditions(at: provider, time: time, input: request.input)
            let tokens = world.tokens(at: provider, time: time, limitMultiple: now.limitMultiple)
            let attempt = world.attempt(of: index, at: provider, time: time)
            if tokens < 1 {
                #expect(attempt.remainingShare == 0)
            } else {
                #expect(attempt.remainingShare == (tokens - 1) / world.scenario.providers[provider].burst)
            }
        }
    }

    @Test func `without limits a world has full buckets that are a thousand times as large`() throws {
        var (world, _) = try Self.small()
        for _ in 0..<4 { _ = world.attempt(of: 0, at: 0, time: 0) }
        let roomy = world.withoutLimits()
        #expect(world.tokens(at: 0, time: 0, limitMultiple: 1) == 0)
        #expect(roomy.tokens(at: 0, time: 0, limitMultiple: 1) == 2000)
        #expect(roomy.sites[0].softConcurrency == 2000 && roomy.sites[0].rateLimit == 1000)
    }

    @Test func `the reference's random numbers are drawn`() {
        var twister = MersenneTwister(seed: 1000 * 7919 + 13)
        #expect((0..<3).map { _ in twister.next() } == [2_771_002_949, 3_473_760_745, 3_094_587_299])
        #expect((0..<8).map { _ in twister.place(below: 6) } == [1, 0, 2, 5, 3, 5, 2, 2])
        var long = MersenneTwister(seed: (1 << 40) + 5)
        #expect((0..<3).map { _ in long.next() } == [2_166_296_868, 2_220_160_828, 1_153_647_273])
        for _ in 0..<621 { _ = long.next() }
        #expect([long.next(), long.next()] == [2_614_958_593, 1_272_212_850])
    }

    @Test func `every name but the gateway's own stands for a policy`() throws {
        let (world, utility) = try Self.steady()
        for name in PolicyName.allCases {
            let policy = name.policy(in: name.world(for: world), utility: utility, seed: 1)
            #expect((policy == nil) == (name == .adaptive), "\(name)")
            #expect(policy == nil || policy?.maximumAttempts == (name.isOracle ? 6 : 3))
            #expect(!name.summary.isEmpty && !name.summary.contains("\n"))
        }
        #expect(PolicyName.allCases.count == 17 && PolicyName.allCases.filter(\.isOracle).count == 3)
    }
}

extension SimulatedPolicy {
    /// Whom it asks first.
    fileprivate mutating func asks(_ world: World, at time: Double, for request: SimulatedRequest? = nil)
        -> Int?
    {
        plan(for: request ?? PolicyTests.request(in: world), at: time, in: world).order.first?.candidate
    }

    /// All whom it asks at a moment if it is let draw often.
    fileprivate mutating func asked(_ world: World, at time: Double) -> Set<Int> {
        var all: Set<Int> = []
        for _ in 0..<500 { if let provider = asks(world, at: time) { all.insert(provider) } }
        return all
    }

    /// Lets it see an attempt.
    fileprivate mutating func see(
        _ kind: SimulatedResult.Kind, at provider: Int, elapsed: Double = 1, time: Double, in world: World
    ) {
        let request = PolicyTests.request(in: world), attempt = PolicyTests.attempt(at: provider, time: time)
        began(attempt, of: request, at: time)
        let result = SimulatedResult(kind: kind, elapsed: elapsed, firstToken: elapsed / 2, remaining: 1)
        ended(attempt, of: request, result, at: time)
    }
}

extension SimulatedRequest {
    fileprivate mutating func failed(at provider: Int) {
        attempts += 1
        failures += 1
        failuresAt[provider] += 1
    }
}
