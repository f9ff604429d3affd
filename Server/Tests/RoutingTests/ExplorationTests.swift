import Testing

@testable import Routing

@Suite struct ExplorationTests {
    private func standing(
        _ worth: Double, unasked: Double, gate: AdaptiveSelection.Gate = .open, isLow: Bool = false,
        quality: Double = 0, price: Double = 0
    ) -> AdaptiveSelection.Standing {
        AdaptiveSelection.Standing(
            Assessment(
                quality: quality, price: price, latency: quality - price - worth, risk: 0, headroom: 0,
                whenWell: 0, success: 0.98,
                evidence: 20, noise: 0, firstTokenMean: 0,
                firstTokenVariance: 0.09, pending: 0, unasked: unasked, time: 2, dollars: 0.002,
                roomAfter: 0, isBlocked: false),
            gate: gate, isLow: isLow, timesAsked: 0)
    }

    private func situation(left: Double = 30, attempts: Int = 0, mayExplore: Bool = true)
        -> AdaptiveSelection.Situation
    {
        AdaptiveSelection.Situation(
            timeLeft: left, time: 30, attempts: attempts, failures: 0, maximumAttempts: 5,
            mayExplore: mayExplore)
    }

    /// How often each candidate is explored in `requests` requests.
    private func explored(
        _ standings: [AdaptiveSelection.Standing], _ situation: AdaptiveSelection.Situation,
        requests: Int = 5000
    ) -> [Int: Int] {
        var selection = AdaptiveSelection(candidates: standings.count), counts: [Int: Int] = [:]
        for request in 0..<requests {
            let plan = selection.plan(standings, situation, at: Double(request))
            if let explored = plan.explored { counts[explored, default: 0] += 1 }
        }
        return counts
    }

    @Test func `a target that nobody asked for ten minutes is asked first by one request in 500`() {
        let standings = [standing(1, unasked: 0), standing(0.5, unasked: 600), standing(0.2, unasked: 599)]
        #expect(explored(standings, situation()) == [1: 10])
    }

    @Test
    func `the target that was left alone longest comes first, and all together get one request in a hundred`()
    {
        let many = (0..<20).map { standing(1 - Double($0) / 100, unasked: 600 + Double($0)) }
        #expect(explored(many, situation()) == [19: 50])
    }

    @Test(arguments: [AdaptiveSelection.Gate.probe, .shut, .away(seconds: 5)])
    func `a target whose breaker is not closed is not explored`(gate: AdaptiveSelection.Gate) {
        #expect(
            explored([standing(1, unasked: 0), standing(0.5, unasked: 900, gate: gate)], situation()) == [:])
    }

    @Test func `a target of low quality is not explored, nor is the best one, which is asked anyway`() {
        #expect(explored([standing(1, unasked: 900), standing(0.5, unasked: 0)], situation()) == [:])
        #expect(
            explored([standing(1, unasked: 0), standing(2, unasked: 900, isLow: true)], situation()) == [:])
    }

    @Test(arguments: [(0.0, 0.0, 10), (0.06, 0.1, 10), (-0.06, 0, 0), (0, 0.06, 0)])
    func `a target is explored however slow it was, but not if its answer is worth less or costs more`(
        quality: Double, price: Double, times: Int
    ) {
        let slow = standing(-9, unasked: 900, quality: quality, price: price)
        let counts = explored([standing(1, unasked: 0), slow], situation())
        #expect(counts[1] ?? 0 == times)
    }

    @Test func `only the first attempt of a request that has time and allows it explores`() {
        let standings = [standing(1, unasked: 0), standing(0.5, unasked: 900)]
        #expect(explored(standings, situation(left: 20)) == [:])
        #expect(explored(standings, situation(attempts: 1)) == [:])
        #expect(explored(standings, situation(mayExplore: false)) == [:])
    }

    @Test
    func
        `an explored target is hurried like a probe, and the best one is asked beside it without the budget`()
        throws
    {
        let standings = [standing(1, unasked: 0), standing(0.5, unasked: 900)]
        var selection = AdaptiveSelection(candidates: 2), first: Plan.Choice?
        // The hedges of a while are used up before.
        for _ in 0..<5 { _ = selection.hedge(standings, beside: 0) }
        #expect(selection.hedge(standings, beside: 0) == nil)
        while first == nil {
            let plan = selection.plan(standings, situation(), at: 0)
            if plan.explored != nil { first = plan.order.first }
        }
        let choice = try #require(first)
        #expect(choice.candidate == 1)
        #expect(choice.firstTokenSeconds == 4)
        #expect(choice.hedgeAfterSeconds == 1)
        #expect(selection.hedge(standings, beside: 1)?.order.map(\.candidate) == [0])
        #expect(selection.hedge(standings, beside: 1) == nil)
    }

    @Test func `callers who pay most, or cannot wait, do not explore`() {
        var preferences = RoutingPreferences()
        #expect(AdaptiveWeights(preferences).explores)
        preferences.tier = .enterprise
        #expect(!AdaptiveWeights(preferences).explores)
        preferences = RoutingPreferences()
        preferences.urgency = .critical
        #expect(!AdaptiveWeights(preferences).explores)
    }

    @Test func `how long nobody asked a target counts from when it was first known`() {
        var estimate = TargetEstimate()
        #expect(estimate.unasked(at: 1000) == 0)
        #expect(estimate.unasked(at: 1600) == 600)
        _ = estimate.began(at: 1700)
        #expect(estimate.unasked(at: 1710) == 10)
    }
}
