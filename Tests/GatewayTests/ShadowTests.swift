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
}
