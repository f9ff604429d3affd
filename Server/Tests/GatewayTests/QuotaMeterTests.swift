import Foundation
import Generation
import Resilience
import ResilienceTesting
import Routing
import Testing

@testable import Gateway

/// What becomes of a target whose daily quota is used up.
@Suite struct QuotaMeterTests {
    private static let shape = RequestShape(input: 500, output: 100)
    /// An hour before midnight, UTC.
    private static let evening: Int64 = 20_000 * 86_400_000 - 3_600_000

    private let clock = VirtualClock()
    private var time: TimeSource { TimeSource(clock) }

    private func records(later: Duration = .zero) -> TargetRecords {
        TargetRecords(time: time, wallClockMilliseconds: Self.evening + Int64(later / .milliseconds(1)))
    }

    private func registry(_ records: TargetRecords) -> TargetRegistry {
        TargetRegistry(
            time: time, chance: Chance(seed: 1), records: records, onEvent: { _ in }, onCooldown: { _ in })
    }

    private func health(_ registry: TargetRegistry, _ name: String = "a", quota: Int?) -> TargetHealth {
        registry.health(
            of: TargetIdentity(provider: name, location: "", model: "m", key: ""), label: "\(name)/m",
            credential: "",
            settings: .init(
                breaker: .learned, bulkhead: nil, quota: quota.map { DailyQuota.Terms(requests: $0) }))
    }

    /// Of two targets the first is worth more, and has a quota of so many requests.
    private func selector(_ registry: TargetRegistry, quota: Int, second: Int? = nil) -> AdaptiveSelector {
        AdaptiveSelector(
            [("a", 10.0, quota), ("b", 8, second)].map { name, quality, quota in
                AdaptiveSelector.Candidate(
                    health(registry, name, quota: quota),
                    TargetFacts(inputPrice: 1e-6, outputPrice: 1e-6, quality: quality))
            }, chance: Chance(seed: 2))
    }

    private func plan(_ selector: AdaptiveSelector) -> AdaptiveSelector.Ranking {
        let situation = AdaptiveSelector.Situation(
            timeLeft: 30, time: 30, attempts: 0, failures: 0, maximumAttempts: 5)
        return selector.plan(for: Self.shape, situation, weights: AdaptiveWeights(), at: time.now) { _ in 0 }
    }

    private func order(_ selector: AdaptiveSelector) -> [Int] { plan(selector).plan.order.map(\.candidate) }

    private func ask(_ selector: AdaptiveSelector, _ index: Int = 0, failing failure: AttemptFailure? = nil)
        throws
    {
        let health = selector.candidates[index].health
        let lesson = Lesson(
            health, Self.shape, try health.breaker.admit(), selector: selector, candidate: index, at: time.now
        )
        if let failure {
            lesson.failed(failure, FailureTable.standard.conduct(for: failure), at: time.now)
        } else {
            lesson.noteFirstToken(at: time.now)
            lesson.answered(tokens: 10, at: time.now)
        }
    }

    private func used(_ health: TargetHealth) -> Int? { health.quota?.reading(at: time.now).count.used }

    @Test
    func `a target is not asked when its daily quota is used up, the decision says so, and it comes back`()
        throws
    {
        let selector = selector(registry(records()), quota: 2)
        for _ in 0..<2 {
            #expect(order(selector) == [0, 1])
            try ask(selector)
        }
        #expect(order(selector) == [1])
        let standing = plan(selector).standings[0]
        #expect(standing.assessment.roomAfter == 3600 && !standing.assessment.hasRoom)
        #expect("\(standing)".hasSuffix("; passed over: its daily quota is used up for 3600 s"))
        #expect(!"\(plan(selector).standings[1])".contains("quota"))
        clock.advance(by: .seconds(3599))
        #expect(order(selector) == [1])
        clock.advance(by: .seconds(1))
        #expect(order(selector) == [0, 1])
    }

    @Test func `when all quotas are used up nobody is waited for in vain, and the reason is told`() throws {
        let selector = selector(registry(records()), quota: 1, second: 1)
        try ask(selector, 0)
        try ask(selector, 1)
        let plan = plan(selector).plan
        #expect(plan.order.isEmpty && plan.standBy?.wait == .seconds(3600))
        #expect(
            selector.refusals(at: time.now)
                == Array(repeating: .cooling(.quotaExceeded, retryAfter: .seconds(3600)), count: 2))
    }

    @Test func `what a limit refused or what never arrived is used of no quota, other failures are`() throws {
        let selector = selector(registry(records()), quota: 10), health = selector.candidates[0].health
        for (kind, phase) in [
            (FailureClass.rateLimit, Phase.head), (.transient, .connect), (.providerOverload, .head),
        ] {
            try ask(
                selector, failing: AttemptFailure(kind, cause: "x", phase: phase, message: "m"))
        }
        #expect(used(health) == 1)
    }

    @Test func `other terms and other settings go on with the count, and routes share it`() throws {
        let registry = registry(records()), first = health(registry, quota: 5)
        for _ in 0..<3 { first.quota?.take(at: time.now) }
        let second = health(registry, quota: 4)
        #expect(second !== first && used(second) == 3)
        first.quota?.take(at: time.now)
        #expect(used(second) == 4 && second.quota?.wait(at: time.now.seconds) == 3600)
    }

    @Test(arguments: [
        (Duration.seconds(60), 2), (.seconds(3599), 2), (.seconds(3600), 0), (.seconds(-86_400), 0),
    ])
    func `the count outlives the process until it is renewed`(later: Duration, expected: Int) throws {
        let before = records(), health = health(registry(before), quota: 5)
        for _ in 0..<2 { health.quota?.take(at: time.now) }
        before.look(at: [health])
        let data = try JSONEncoder().encode(before.snapshot)
        let after = records(later: later)
        after.restore(try JSONDecoder().decode(TargetRecordsSnapshot.self, from: data))
        #expect(used(self.health(registry(after), quota: 5)) == expected)
        #expect(used(self.health(registry(after), quota: nil)) == nil)
    }
}
