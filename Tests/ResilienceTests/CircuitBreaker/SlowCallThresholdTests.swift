import Testing

@testable import Resilience

@Suite struct SlowCallThresholdTests {
    private static func at(_ seconds: Int) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    /// A threshold that has seen a call each second for so long; each twentieth and the one after it take `slow`.
    private static func learned(
        _ time: Int, usual: Duration = .milliseconds(100), slow: Duration = .milliseconds(200),
        fixed: Duration? = nil, _ change: (inout CircuitBreakerPolicy.AdaptiveSlowCall) -> Void = { _ in }
    ) -> SlowCallThreshold {
        var policy = CircuitBreakerPolicy.AdaptiveSlowCall()
        change(&policy)
        var threshold = SlowCallThreshold(policy, fixed: fixed, at: at(0))
        for second in 0..<time { threshold.note(second % 20 < 2 ? slow : usual, at: at(second)) }
        return threshold
    }

    private static func seconds(_ duration: Duration?) -> Double { (duration ?? .zero) / .seconds(1) }

    @Test func `a call is slow at several times what nearly all calls take`() {
        let threshold = Self.learned(3600)
        // Of the slow tenth half is within the share of 95 %.
        #expect(abs(Self.seconds(threshold.normal) - 0.2) < 0.015)
        #expect(threshold.limit == threshold.normal.map { $0 * 3.0 })
    }

    @Test(arguments: [0.0001, 0.001, 0.012, 0.3, 4, 90])
    func `the normal time is known within a few per cent, whatever its size`(time: Double) {
        var histogram = LatencyHistogram()
        for call in 1...1000 { histogram.add(.seconds(time * Double(call) / 1000)) }
        for share in [0.5, 0.9, 0.95, 0.99] {
            #expect(abs(Self.seconds(histogram.quantile(share)) / (time * share) - 1) < 0.07, "\(share)")
        }
    }

    @Test func `while it warms up the fixed duration applies, or the ceiling`() {
        #expect(Self.learned(90).limit == .seconds(60))
        #expect(Self.learned(90, fixed: .seconds(7)).limit == .seconds(7))
        #expect(Self.learned(90, fixed: .seconds(7)).normal == nil)
        #expect(Self.learned(130, fixed: .seconds(7)).limit < .seconds(1))
        #expect(Self.learned(130) { $0.warmUp = 1000 }.limit == .seconds(60))
    }

    @Test func `the duration stays within its bounds`() {
        #expect(Self.learned(600) { $0.minimum = .seconds(2) }.limit == .seconds(2))
        #expect(Self.learned(600) { $0.maximum = .milliseconds(300) }.limit == .milliseconds(300))
        #expect(Self.learned(600, usual: .nanoseconds(1), slow: .zero).limit == .milliseconds(100))
        #expect(Self.learned(600, usual: .unbounded, slow: .unbounded).limit == .seconds(60))
    }

    @Test func `what is normal changes by half a minute at most, in both directions`() {
        for time in [Duration.seconds(10), .milliseconds(1)] {
            var threshold = Self.learned(3600) { $0.halfLife = .seconds(60) }
            var now = 3600
            for _ in 0..<10 {
                let before = Self.seconds(threshold.normal)
                for _ in 0..<60 {
                    threshold.note(time, at: Self.at(now))
                    now += 1
                }
                let change = Self.seconds(threshold.normal) / before
                #expect(change <= 1.5 && change >= 1 / 1.5)
            }
            #expect(abs(Self.seconds(threshold.normal) - 0.2) > 0.1, "it does move")
        }
    }

    @Test func `an idle day is no licence to jump`() {
        var threshold = Self.learned(3600)
        let before = Self.seconds(threshold.normal)
        for _ in 0..<1000 { threshold.note(.seconds(30), at: Self.at(3601)) }
        threshold.note(.seconds(30), at: Self.at(90_000))
        #expect(Self.seconds(threshold.normal) <= before * 1.5)
    }

    @Test func `what was seen counts half after the half-life`() {
        // After as many calls of another time as there were, weighted half, a third of the weight is old.
        var threshold = Self.learned(20_000, slow: .milliseconds(100)) { $0.share = 0.5 }
        var seconds = 20_000
        while Self.seconds(threshold.normal) < 0.15, seconds < 40_000 {
            threshold.note(.milliseconds(200), at: Self.at(seconds))
            seconds += 1
        }
        #expect(abs(seconds - 20_000 - 3600) < 300, "the median moves after one half-life: \(seconds)")
    }

    // MARK: In a breaker

    private typealias Fixture = BreakerFixture

    private static func breaker() -> BreakerFixture.Machine {
        Fixture.machine {
            $0.window = .calls(20)
            $0.failureRate = nil
            $0.slowCallRate = 0.5
            $0.minimumCalls = 10
            $0.adaptiveSlowCall = .init()
        }
    }

    @Test func `a breaker opens by slow calls, and shows the duration that applies`() throws {
        var machine = Self.breaker()
        for second in 0..<600 {
            machine.call(.success, took: .milliseconds(100), at: Fixture.at(Double(second)))
        }
        let snapshot = machine.snapshot(at: Fixture.at(600))
        #expect(abs(Self.seconds(snapshot.normalDuration) - 0.1) < 0.01)
        #expect(abs(Self.seconds(snapshot.effectiveSlowCallDuration) - 0.3) < 0.03)
        let normal = machine.slowness?.normal
        for call in 0..<20 where machine.state == .closed {
            machine.call(.success, took: .milliseconds(500), at: Fixture.at(601 + Double(call)))
        }
        #expect(machine.state == .open)
        // What opened it is not learned, then or later.
        #expect(machine.slowness?.normal == normal)
        let before = try #require(machine.slowness?.learned)
        machine.slowness?.note(.milliseconds(100), at: Fixture.at(700))
        machine.slowness?.note(.milliseconds(100), at: Fixture.at(720))
        let after = try #require(machine.slowness?.learned)
        #expect(after.weights.count == before.weights.count && after.seen == before.seen + 1)
    }

    @Test func `failures, and calls of a breaker that is not closed, are not learned`() {
        var machine = Self.breaker()
        for second in 0..<600 { machine.call(.failure(), took: .seconds(1), at: Fixture.at(Double(second))) }
        #expect(machine.slowness?.normal == nil && machine.slowLimit == .seconds(60))
        _ = machine.forceOpen(for: .seconds(1), at: Fixture.at(600))
        machine.call(.success, took: .seconds(1), at: Fixture.at(700))
        #expect(machine.state == .closed && machine.slowness?.learned.seen == 0)
    }

    @Test func `the fixed duration is the default`() {
        var machine = Fixture.machine {
            $0.slowCallDuration = .seconds(1)
            $0.slowCallRate = 0.5
        }
        for second in 0..<600 {
            machine.call(.success, took: .milliseconds(1), at: Fixture.at(Double(second)))
        }
        #expect(machine.slowLimit == .seconds(1) && machine.slowness == nil)
        #expect(machine.snapshot(at: Fixture.at(600)).effectiveSlowCallDuration == .seconds(1))
    }

    @Test func `nonsense in the policy and in what was remembered does not trap`() {
        var policy = CircuitBreakerPolicy.AdaptiveSlowCall()
        (policy.share, policy.multiple, policy.changePerMinute) = (.nan, -.infinity, .nan)
        (policy.halfLife, policy.warmUp, policy.minimum) = (.zero, -5, .seconds(90))
        var threshold = SlowCallThreshold(policy, fixed: nil, at: Self.at(0))
        threshold.note(.unbounded, at: Self.at(0))
        threshold.note(.zero - .unbounded, at: Instant(sinceOrigin: .unbounded))
        #expect(threshold.limit <= .seconds(90))
        threshold.takeOver(
            .init(
                seen: .min, normal: .zero, weights: [.nan, -1, .infinity] + .init(repeating: 1, count: 999)),
            at: Self.at(0))
        #expect(threshold.normal == nil && threshold.learned.seen == 0)
        #expect(threshold.learned.weights.reduce(0, +) == 205)
    }
}
