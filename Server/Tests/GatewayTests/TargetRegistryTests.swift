import Generation
import Resilience
import ResilienceTesting
import Routing
import Synchronization
import Testing

@testable import Gateway

/// What is kept of targets, and for how long.
@Suite struct TargetRegistryTests {
    private static let settings = TargetRegistry.Settings(breaker: .learned, bulkhead: nil)
    private let registry = TargetRegistry(
        time: TimeSource(VirtualClock()), chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })

    private func health(_ model: String, _ settings: TargetRegistry.Settings = settings) -> TargetHealth {
        registry.health(
            of: TargetIdentity(provider: "p", location: "", model: model, key: ""), label: "p/\(model)",
            credential: "", settings: settings)
    }

    @Test func `models that callers named are forgotten when there are too many, those in use are not`() {
        let used = health("used")
        for number in 0..<(TargetRegistry.mostTargets + 500) { _ = health("\(number)") }
        #expect(registry.all.count <= TargetRegistry.mostTargets)
        #expect(health("used") === used)
    }

    @Test func `under other settings what was learned stays, without the attempts that still run`() {
        let before = health("m")
        before.estimate.withLock { _ = $0.began(at: 0) }
        var settings = Self.settings
        settings.bulkhead = BulkheadPolicy(limit: 3)
        let after = health("m", settings)
        #expect(after !== before)
        #expect(before.estimate.withLock { $0.overdue(at: 1000) } == 1)
        #expect(after.estimate.withLock { $0.overdue(at: 1000) } == 0, "nobody will tell it of their end")
    }

    @Test func `under another rate limit what was learned stays, but for what was left of the limit before`()
    {
        var settings = Self.settings
        settings.limit = RateLimit(requestsPerSecond: 1, burst: 4)
        let before = health("m", settings)
        before.estimate.withLock { estimate in
            for _ in 0..<4 {
                let id = estimate.began(at: 0)
                estimate.ended(
                    id, .answered(perToken: 0.01), of: RequestShape(input: 100, output: 10), at: 0)
            }
        }
        settings.limit = RateLimit(requestsPerSecond: 2, burst: 8)
        let after = health("m", settings)
        #expect(before.estimate.withLock { $0.roomAfter(at: 0) } == 1)
        #expect(after.estimate.withLock { $0.roomAfter(at: 0) } == 0)
        #expect(
            after.estimate.withLock { $0.success.overall } == before.estimate.withLock { $0.success.overall })
    }
}
