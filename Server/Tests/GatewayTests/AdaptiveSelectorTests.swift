import Generation
import Resilience
import Routing
import Testing

@testable import Gateway

/// What the selector makes of the state that targets share with all requests.
@Suite struct AdaptiveSelectorTests {
    private func order(_ targets: TwoTargets) -> [Int] { targets.plan().order.map(\.candidate) }

    private static let failure = AttemptFailure(.transient, cause: "x", phase: .head, message: "m")

    private func fail(at index: Int, of targets: TwoTargets, times: Int) throws {
        for _ in 0..<times where targets.selector.candidates[index].health.breaker.readiness == .ready {
            try targets.lesson(at: index).failed(
                Self.failure, FailureTable.standard.conduct(for: Self.failure), at: targets.time.now)
        }
    }

    @Test func `a target that must be left alone is passed over, and comes back`() {
        let targets = TwoTargets(), health = targets.selector.candidates[0].health
        #expect(order(targets) == [0, 1])
        health.cool(for: .seconds(60), because: .authentication, at: targets.time.now)
        #expect(order(targets) == [1])
        health.trustKeyAgain()
        #expect(order(targets) == [0, 1])
    }

    @Test func `failures open the breaker by what is learned, and a probe that is answered starts anew`()
        throws
    {
        let targets = TwoTargets(), health = targets.selector.candidates[0].health
        try fail(at: 0, of: targets, times: 1)
        #expect(health.breaker.readiness == .ready)
        try fail(at: 0, of: targets, times: 4)
        #expect(health.breaker.readiness == .rejecting)
        #expect(order(targets) == [1])
        health.breaker.close()
        targets.selector.probeSucceeded(at: 0, at: targets.time.now)
        #expect(order(targets) == [0, 1], "it is not held against it any more")
    }

    @Test func `what says nothing of a target's health is not held against it`() throws {
        let targets = TwoTargets(), health = targets.selector.candidates[0].health
        for _ in 0..<10 {
            let failure = AttemptFailure(.invalidRequest, cause: "x", phase: .head, message: "m")
            try targets.lesson(at: 0).failed(
                failure, FailureTable.standard.conduct(for: failure), at: targets.time.now)
        }
        #expect(health.breaker.readiness == .ready)
        #expect(order(targets) == [0, 1])
    }

    @Test func `who is dearer than the maximum cost is not asked, and who is below the quality is marked`() {
        let targets = TwoTargets()
        var weights = AdaptiveWeights()
        weights.minimumQuality = 9
        weights.maximumCost = 0.0007
        let allowed = targets.choose(weights)
        #expect(allowed.plan.order.map(\.candidate) == [0, 1])
        #expect(allowed.standings.map(\.isLow) == [false, true])
        // 500 tokens and 100 at a dollar for a million each.
        weights.maximumCost = 0.0005
        #expect(targets.choose(weights).plan.order.isEmpty)
    }

    @Test(arguments: [false, true])
    func `the answer of one that was forced lets the others be tried, that of a probe does not`(
        isForced: Bool
    ) throws {
        let targets = TwoTargets(), breakers = targets.selector.candidates.map(\.health.breaker)
        for breaker in breakers { breaker.open() }
        if isForced { #expect(targets.plan().order.map(\.isForced) == [true]) }
        breakers[0].halfOpen()
        try targets.lesson(at: 0).answered(tokens: 10, at: targets.time.now)
        #expect(breakers[0].readiness == (isForced ? .ready : .probing))
        #expect(breakers[1].readiness == (isForced ? .probing : .rejecting))
    }
}
