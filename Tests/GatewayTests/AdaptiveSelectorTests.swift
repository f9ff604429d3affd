import Generation
import Resilience
import Routing
import Testing

@testable import Gateway

/// What the selector makes of the state that targets share with all requests.
@Suite struct AdaptiveSelectorTests {
    private static let shape = RequestShape(input: 500, output: 100)
    private static let situation = AdaptiveSelector.Situation(
        timeLeft: 30, time: 30, attempts: 0, failures: 0, maximumAttempts: 5)

    private let time = TimeSource()

    /// Two targets of which the first is worth more.
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

    private func order(_ selector: AdaptiveSelector) -> [Int] {
        selector.plan(for: Self.shape, Self.situation, weights: AdaptiveWeights(), at: time.now) { _ in 0 }
            .plan.order.map(\.candidate)
    }

    private static let failure = AttemptFailure(.transient, cause: "x", phase: .head, message: "m")

    private func lesson(at index: Int, of selector: AdaptiveSelector) throws -> Lesson {
        let health = selector.candidates[index].health
        return Lesson(
            health, Self.shape, try health.breaker.admit(), selector: selector, candidate: index, at: time.now
        )
    }

    private func fail(at index: Int, of selector: AdaptiveSelector, times: Int) throws {
        for _ in 0..<times where selector.candidates[index].health.breaker.readiness == .ready {
            try lesson(at: index, of: selector).failed(
                Self.failure, FailureTable.standard.conduct(for: Self.failure), at: time.now)
        }
    }

    @Test func `a target that must be left alone is passed over, and comes back`() {
        let selector = selector()
        #expect(order(selector) == [0, 1])
        selector.candidates[0].health.cool(for: .seconds(60), because: .authentication, at: time.now)
        #expect(order(selector) == [1])
        selector.candidates[0].health.trustKeyAgain()
        #expect(order(selector) == [0, 1])
    }

    @Test func `failures open the breaker by what is learned, and a probe that is answered starts anew`()
        throws
    {
        let selector = selector(), health = selector.candidates[0].health
        try fail(at: 0, of: selector, times: 1)
        #expect(health.breaker.readiness == .ready)
        try fail(at: 0, of: selector, times: 4)
        #expect(health.breaker.readiness == .rejecting)
        #expect(order(selector) == [1])
        health.breaker.close()
        selector.probeSucceeded(at: 0, at: time.now)
        #expect(order(selector) == [0, 1], "it is not held against it any more")
    }

    @Test func `what says nothing of a target's health is not held against it`() throws {
        let selector = selector(), health = selector.candidates[0].health
        for _ in 0..<10 {
            let failure = AttemptFailure(.invalidRequest, cause: "x", phase: .head, message: "m")
            try lesson(at: 0, of: selector).failed(
                failure, FailureTable.standard.conduct(for: failure), at: time.now)
        }
        #expect(health.breaker.readiness == .ready)
        #expect(order(selector) == [0, 1])
    }
}
