import Resilience
import Testing

@testable import Routing

@Suite struct AdaptiveSelectionTests {
    private typealias Standing = AdaptiveSelection.Standing

    private func assessment(
        _ worth: Double, well: Double = 0, hasRoom: Bool = true, blocked: Bool = false, unasked: Double = 0
    ) -> Assessment {
        Assessment(
            quality: worth, price: 0, latency: 0, risk: 0, headroom: 0, whenWell: well, success: 0.98,
            evidence: 20, noise: 0, firstTokenMean: -0.693,
            firstTokenVariance: 0.09,
            pending: 0, unasked: unasked, time: 2, dollars: 0.002, roomAfter: hasRoom ? 0 : 60,
            isBlocked: blocked)
    }

    private func standing(
        _ worth: Double, _ gate: AdaptiveSelection.Gate = .open, well: Double = 0, hasRoom: Bool = true,
        low: Bool = false, asked: Int = 0, unasked: Double = 0
    ) -> Standing {
        Standing(
            assessment(worth, well: well, hasRoom: hasRoom, unasked: unasked), gate: gate, isLow: low,
            timesAsked: asked)
    }

    private func situation(left: Double = 30, attempts: Int = 0, failures: Int = 0)
        -> AdaptiveSelection.Situation
    {
        AdaptiveSelection.Situation(
            timeLeft: left, time: 30, attempts: attempts, failures: failures, maximumAttempts: 5)
    }

    private func order(_ standings: [Standing], _ situation: AdaptiveSelection.Situation) -> [Int] {
        var selection = AdaptiveSelection(candidates: standings.count)
        return selection.plan(standings, situation, at: 100).order.map(\.candidate)
    }

    @Test func `targets are ordered by their worth, those of low quality last`() {
        let standings = [standing(0.1), standing(0.5, low: true), standing(0.3), standing(-1)]
        #expect(order(standings, situation()) == [2, 0, 3, 1])
    }

    @Test func `a target without room in its limit, or whose breaker is open, is passed over`() {
        let standings = [standing(0.9, hasRoom: false), standing(0.8, .shut), standing(0.1)]
        #expect(order(standings, situation()) == [2])
    }

    @Test func `a target that is too dear is not asked whatever happens`() {
        func dear(_ standing: Standing) -> Standing {
            var standing = standing
            standing.isTooDear = true
            return standing
        }
        #expect(order([dear(standing(0.9)), standing(0.1)], situation()) == [1])
        #expect(order([dear(standing(0.9, .probe, well: 1)), standing(0.1)], situation()) == [1])
        let nobody = [dear(standing(0.9, .shut, well: 1)), dear(standing(0.8))]
        #expect(order(nobody, situation()).isEmpty, "not when nobody else is there")
        #expect(order(nobody, situation(left: 2)).isEmpty, "not when time is short")
        #expect(order(nobody + [standing(-1, .shut)], situation(left: 2)) == [2])
    }

    @Test func `a probe is only for a request that has not failed and has time`() {
        let standings = [standing(0.1), standing(-5, .probe, well: 0.5)]
        #expect(order(standings, situation()) == [1, 0])
        #expect(order(standings, situation(left: 15)) == [0])
        #expect(order(standings, situation(attempts: 1, failures: 1)) == [0])
    }

    @Test func `a probe has a short limit and is hedged soon`() {
        var selection = AdaptiveSelection(candidates: 1)
        let choice = selection.plan([standing(0, .probe)], situation(), at: 0).order.first
        #expect(choice.map { $0.firstTokenSeconds > 2.1 && $0.firstTokenSeconds < 2.2 } == true)
        #expect(choice?.hedgeAfter == .seconds(1))
    }

    @Test func `the last attempt is not cut short`() {
        var selection = AdaptiveSelection(candidates: 2)
        let plan = selection.plan([standing(1), standing(0)], situation(attempts: 4, failures: 4), at: 0)
        #expect(plan.order.map(\.firstToken).first == .some(nil))
    }

    @Test func `when nobody is let through the best is forced, each at most once a second`() {
        var selection = AdaptiveSelection(candidates: 2)
        let standings = [standing(0, .shut, well: 0.2), standing(0, .shut, well: 0.5)]
        let first = selection.plan(standings, situation(), at: 100)
        #expect(first.order.map(\.candidate) == [1])
        #expect(first.order.first?.isForced == true)
        let second = selection.plan(standings, situation(), at: 100.1)
        #expect(second.order.map(\.candidate) == [0])
        let third = selection.plan(standings, situation(), at: 100.2)
        #expect(third.order.isEmpty)
        #expect(third.standBy?.step == .seconds(0.2))
        #expect(
            third.standBy.map { abs($0.wait / .seconds(1) - 0.8) < 1e-6 } == true,
            "until it may be forced again")
        #expect(selection.endsPanic(at: 105))
        #expect(!selection.endsPanic(at: 111))
        let fourth = selection.plan(standings, situation(), at: 101.2)
        #expect(fourth.order.map(\.candidate) == [1])
    }

    @Test func `who has no room or wants to be left alone is not forced, however good it would be`() {
        let full = standing(0.9, .shut, well: 0.9, hasRoom: false), other = standing(0, .shut, well: 0.2)
        #expect(order([full, other], situation()) == [1])
        let away = standing(0.9, .away(seconds: 60), well: 0.9)
        #expect(order([away], situation()).isEmpty)
        #expect(order([away], situation(left: 2)).isEmpty, "not even when time is short")
        #expect(order([away, standing(-1, .shut)], situation(left: 2)) == [1])
    }

    @Test func `with little time left the least bad is forced rather than waited for`() {
        let standings = [standing(0.1, hasRoom: false), standing(0.4, hasRoom: false)]
        var selection = AdaptiveSelection(candidates: 2)
        let early = selection.plan(standings, situation(left: 20), at: 0)
        #expect(early.order.isEmpty)
        let plan = selection.plan(standings, situation(left: 5), at: 0)
        #expect(plan.order.map(\.candidate) == [1])
        #expect(plan.order.first?.isForced == true)
    }

    @Test func `the first retry is always allowed, others while the budget lasts`() {
        var selection = AdaptiveSelection(candidates: 2)
        for _ in 0..<40 { selection.began(isRetry: true) }
        let standings = [standing(0.5), standing(0.4)]
        let first = selection.plan(standings, situation(attempts: 1, failures: 1), at: 0)
        let second = selection.plan(standings, situation(attempts: 2, failures: 2), at: 0)
        #expect(!first.order.isEmpty)
        #expect(second.order.isEmpty)
        for _ in 0..<4 { selection.began(isRetry: false) }
        let third = selection.plan(standings, situation(attempts: 2, failures: 2), at: 0)
        #expect(!third.order.isEmpty)
    }

    @Test func `hedges are paid from a budget of six for a hundred attempts, but for probes`() {
        var selection = AdaptiveSelection(candidates: 2), hedges = 0
        let standings = [standing(0.5, asked: 0), standing(0.4)]
        for _ in 0..<1000 {
            selection.began(isRetry: false)
            if selection.hedge(standings, beside: 0) != nil { hedges += 1 }
        }
        #expect(hedges >= 60 && hedges <= 66, "\(hedges)")
        let beside = selection.hedge([standing(0, .probe), standing(0.4)], beside: 0)
        #expect(beside != nil)
    }

    @Test func `a hedge goes to another target of the wanted quality that was not asked`() {
        var selection = AdaptiveSelection(candidates: 4)
        let standings = [standing(0.9), standing(0.8, asked: 1), standing(0.7, low: true), standing(0.1)]
        let plan = selection.hedge(standings, beside: 0)
        #expect(plan?.order.map(\.candidate) == [3])
        let none = selection.hedge([standing(1), standing(0.5, .shut)], beside: 0)
        #expect(none == nil)
    }

    // MARK: The index

    @Test func `the odds of failing make the order that is best for a chain of fallbacks`() {
        // Two targets of equal reward: with s successes at cost c the better first one has the smaller c / s.
        let facts = TargetFacts(inputPrice: 0, outputPrice: 0, quality: 8.5)
        var good = TargetEstimate(), bad = TargetEstimate(), chance: Chance?
        let shape = RequestShape(input: 100, output: 10)
        for second in 0..<40 {
            for success in [true, false] {
                let id = bad.began(at: Double(second))
                bad.ended(
                    id, success ? .answered(perToken: 0.02) : .failed(after: 0.3), of: shape,
                    at: Double(second))
            }
            let id = good.began(at: Double(second))
            good.ended(id, .answered(perToken: 0.02), of: shape, at: Double(second))
        }
        let first = good.assess(shape, facts, AdaptiveWeights(), timeLeft: 30, chance: &chance, at: 40)
        let second = bad.assess(shape, facts, AdaptiveWeights(), timeLeft: 30, chance: &chance, at: 40)
        #expect(first.total > second.total)
        let odds = (1 - second.success) / second.success
        #expect(abs(second.risk - odds * (0.25 + 0.05 * bad.timeLost)) < 1e-9)
    }

    @Test func `the same chance judges the same`() {
        let facts = TargetFacts(inputPrice: 1e-6, outputPrice: 4e-6, quality: 8.7)
        var estimate = TargetEstimate()
        let shape = RequestShape(input: 100, output: 10)
        var one: Chance? = Chance(seed: 5), other: Chance? = Chance(seed: 5)
        let first = estimate.assess(shape, facts, AdaptiveWeights(), timeLeft: 30, chance: &one, at: 1)
        let second = estimate.assess(shape, facts, AdaptiveWeights(), timeLeft: 30, chance: &other, at: 1)
        #expect(first == second)
        #expect(first.noise != 0)
    }

    @Test(arguments: Preference.allCases)
    func `a preference weighs its term more and nothing else`(preference: Preference) {
        var expected = AdaptiveWeights()
        switch preference {
        case .speed: expected.latency *= 3
        case .quality: expected.quality *= 4
        case .cost: expected.cost *= 3
        case .reliability: expected.failure *= 4
        case .balanced: break
        }
        var preferences = RoutingPreferences()
        preferences.prefer = [preference]
        #expect(AdaptiveWeights(preferences) == expected)
    }

    // MARK: Other strategies

    private func weigh(
        _ standings: inout [Standing], by strategy: Strategy, _ chance: inout Chance,
        peakTime: (Int) -> Double = { _ in 1 }
    ) {
        Standing.weigh(&standings, by: strategy, chance: &chance, peakTime: peakTime)
    }

    @Test func `cheapest orders by price and least latency by the peak of the time and requests in flight`() {
        var cheap = assessment(0), dear = assessment(1), chance = Chance(seed: 1)
        (cheap.dollars, dear.dollars) = (0.001, 0.01)
        var standings = [dear, cheap].map { Standing($0, gate: .open, isLow: false, timesAsked: 0) }
        weigh(&standings, by: .cheapest, &chance)
        #expect(order(standings, situation()) == [1, 0])
        weigh(&standings, by: .leastLatency, &chance) { [1, 3][$0] }
        #expect(order(standings, situation()) == [0, 1])
        standings[0].assessment.pending = 3
        weigh(&standings, by: .leastLatency, &chance) { [1, 3][$0] }
        #expect(order(standings, situation()) == [1, 0])
    }

    @Test func `a slow first token counts at once for least latency and is soon forgotten`() {
        var estimate = TargetEstimate()
        for second in 1...20 {
            let id = estimate.began(at: Double(second))
            estimate.firstToken(of: id, after: 0.5, at: Double(second))
        }
        let before = estimate.peakTime(of: 0, at: 20)
        #expect(abs(before - 0.5) < 0.05, "\(before)")
        let id = estimate.began(at: 20)
        estimate.firstToken(of: id, after: 8, at: 28)
        #expect(abs(estimate.peakTime(of: 0, at: 28) - 8) < 0.01)
        #expect(estimate.peakTime(of: 0, at: 58) < 0.5)
        #expect(estimate.peakTime(of: 100, at: 58) > 1.9, "the tokens after it have their usual time")
    }

    @Test func `least latency spreads what it chooses between targets`() {
        var chance = Chance(seed: 1), firsts: Set<Int> = []
        for _ in 0..<100 {
            var standings = (0..<4).map { _ in
                Standing(assessment(0), gate: .open, isLow: false, timesAsked: 0)
            }
            weigh(&standings, by: .leastLatency, &chance)
            firsts.formUnion(order(standings, situation()).prefix(1))
        }
        #expect(firsts.count == 4)
    }

    @Test func `an upper bound prefers what is little known and a Thompson draw what was drawn`() {
        var known = assessment(0), unknown = assessment(0), chance = Chance(seed: 1)
        (known.evidence, unknown.evidence) = (40, 5)
        var standings = [known, unknown].map { Standing($0, gate: .open, isLow: false, timesAsked: 0) }
        weigh(&standings, by: .upperBound, &chance)
        #expect(order(standings, situation()) == [1, 0])
        (known.noise, unknown.noise) = (0.01, -0.01)
        standings = [unknown, known].map { Standing($0, gate: .open, isLow: false, timesAsked: 0) }
        weigh(&standings, by: .thompson, &chance)
        #expect(order(standings, situation()) == [1, 0])
    }

    @Test func `the difference between two is said in words`() {
        var one = assessment(0), other = assessment(0)
        (one.dollars, other.dollars) = (0.002, 0.004)
        (one.time, other.time) = (2.4, 2)
        (one.success, other.success) = (0.99, 0.97)
        let words = Standing(one, gate: .open, isLow: false, timesAsked: 0)
            .advantage(over: Standing(other, gate: .open, isLow: false, timesAsked: 0))
        #expect(words == "50 % cheaper, 0.4 s slower, 3.06 times lower odds of failing")
    }
}
