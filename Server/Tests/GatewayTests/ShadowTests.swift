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

    @Test func `a preview is the order in which would be asked`() {
        #expect(TwoTargets().preview().order.map(\.candidate) == [0, 1])
    }

    @Test func `a preview forces nobody when nobody can be asked, so that a request still can`() {
        let targets = TwoTargets()
        for candidate in targets.selector.candidates { candidate.health.breaker.open() }
        for _ in 0..<5 { #expect(targets.preview().order.map(\.isForced) == [true]) }
        // Each is forced once a second: the two are still there to be.
        for _ in 0..<2 { #expect(targets.plan().order.map(\.isForced) == [true]) }
        #expect(targets.plan().order.isEmpty)
    }

    // MARK: Deciding and comparing

    @Test func `all requests of a session are decided by the same strategy, those without one apart`() {
        let stage = RouteStage(), now = stage.now
        let route = stage.route(
            .priority, shadow: Shadow(stage.route(.adaptive), share: 0.5, metrics: stage.metrics))
        func decided(_ session: StickySessions.Key?) -> Int {
            let terms = route.terms(CallerWishes(session: session), caller: nil, atMilliseconds: 0)
            return (0..<100).count { number in
                route.decider(
                    of: RouteStage.request(number), terms, arrivedAt: now,
                    deadline: now.advanced(by: .seconds(30))
                ).opinion?.isRolledOut == true
            }
        }
        let sessions = (0..<20).map { decided(StickySessions.Key(1, $0)) }
        #expect(Set(sessions) == [0, 100])
        #expect((20..<80).contains(decided(nil)))
    }

    /// An opinion that would have asked the first of two targets, of which the second was asked.
    private func opinion(_ stage: RouteStage, isRolledOut: Bool) -> SecondOpinion {
        let shadow = Shadow(stage.route(.adaptive), share: 0.5, metrics: stage.metrics)
        return SecondOpinion(
            shadow: shadow, isRolledOut: isRolledOut, strategy: .adaptive, first: 0,
            expectations: [
                .init(target: "a/m", key: "key 1", seconds: 1, dollars: 0.5, success: 0.75),
                .init(target: "b/m", key: "key 1", seconds: 3, dollars: 0.25, success: 1),
            ])
    }

    private var decision: Decision {
        var decision = Decision(
            id: RequestID(1, 2), arrivedAtMilliseconds: 0, route: "chat", strategy: .priority, streams: true,
            plan: [])
        decision.steps = [
            Decision.Step(
                kind: .attempt(.first, nil, firstToken: nil),
                identity: TargetIdentity(provider: "b", location: "here", model: "m", key: "d1"),
                key: "key 1",
                begin: .zero, duration: .seconds(2))
        ]
        return decision
    }

    @Test(arguments: [false, true])
    func `a gain is what the shadow's choice is better by, whoever decided`(isRolledOut: Bool) throws {
        let comparison = opinion(RouteStage(), isRolledOut: isRolledOut).comparison(with: decision)
        let gain = try #require(comparison?.gain), sign = isRolledOut ? -1.0 : 1
        #expect(comparison?.differs == true && comparison?.first == "a/m")
        #expect(gain == Decision.Gain(seconds: 2 * sign, dollars: -0.25 * sign, success: -0.25 * sign))
    }

    @Test func `where a session is kept, or nobody was asked, there is nothing to compare`() {
        let opinion = opinion(RouteStage(), isRolledOut: false)
        var kept = decision, unasked = decision
        kept.session = Decision.Session(by: "user", target: "b/m", isKept: true)
        unasked.steps = []
        #expect(opinion.comparison(with: kept) == nil && opinion.comparison(with: unasked) == nil)
        kept.session?.isKept = false
        #expect(opinion.comparison(with: kept) != nil)
    }
}
