import Generation
import Resilience
import Routing
import Testing

@testable import Gateway

@Suite struct ShadowTests {
    @Test(arguments: [0, 0.01, 0.25, 0.5, 1])
    func `it decides its share of requests, and the same ones each time`(share: Double) {
        var chance = Chance(seed: 4), decided = 0
        for _ in 0..<20_000 {
            let number = RequestID(chance.next(), chance.next()).number
            let decides = Shadow.decides(number, share: share)
            #expect(Shadow.decides(number, share: share) == decides)
            #expect(!decides || Shadow.decides(number, share: min(1, share * 2)), "a larger share has it too")
            decided += decides ? 1 : 0
        }
        #expect(abs(Double(decided) / 20_000 - share) < 0.01, "\(decided)")
    }

    // MARK: Ranking without asking

    private let time = TimeSource()

    private func selector() -> AdaptiveSelector {
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
        return AdaptiveSelector(
            ["a", "b"].map { name in
                AdaptiveSelector.Candidate(
                    registry.health(
                        of: TargetIdentity(provider: name, location: "", model: "m", key: ""), label: name,
                        credential: "", settings: .init(breaker: .learned, bulkhead: nil)),
                    TargetFacts(inputPrice: 1e-6, outputPrice: 1e-6, quality: name == "a" ? 10 : 8))
            }, chance: Chance(seed: 2))
    }

    private static let shape = RequestShape(input: 500, output: 100)
    private static let situation = AdaptiveSelector.Situation(
        timeLeft: 30, time: 30, attempts: 0, failures: 0, maximumAttempts: 5)

    @Test func `a preview is the order in which would be asked`() {
        let selector = selector()
        let plan = selector.preview(for: Self.shape, Self.situation, weights: AdaptiveWeights(), at: time.now)
        #expect(plan.order.map(\.candidate) == [0, 1])
    }

    @Test func `a preview forces nobody when nobody can be asked, so that a request still can`() {
        let selector = selector()
        for candidate in selector.candidates { candidate.health.breaker.open() }
        for _ in 0..<5 {
            let plan = selector.preview(
                for: Self.shape, Self.situation, weights: AdaptiveWeights(), at: time.now)
            #expect(plan.order.map(\.isForced) == [true])
        }
        // Each is forced once a second: the two are still there to be.
        for _ in 0..<2 {
            let plan = selector.plan(
                for: Self.shape, Self.situation, weights: AdaptiveWeights(), at: time.now
            ) { _ in 0 }.plan
            #expect(plan.order.map(\.isForced) == [true])
        }
        let last = selector.plan(
            for: Self.shape, Self.situation, weights: AdaptiveWeights(), at: time.now
        ) { _ in 0 }.plan
        #expect(last.order.isEmpty)
    }
}
