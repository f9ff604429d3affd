import ResilienceTesting
import Testing

@testable import Resilience

@Suite struct SendRateLimiterTests {
    private struct TooMany: Error {}
    private typealias Machine = SendRateLimiter.StateMachine

    private let clock = VirtualClock()

    private static func at(_ seconds: Double) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }

    /// Calls that are offered at a rate to a server that bears another, answered after a tenth of a second.
    private struct Load {
        var machine = Machine(SendRateLimiterPolicy(), at: at(0))
        var waiting: [(due: Instant, admittedAt: Instant)] = []
        var answers: [(due: Instant, admittedAt: Instant, isThrottled: Bool)] = []
        var tokens = 0.0, served = 0, refused = 0

        mutating func run(from begin: Double, to end: Double, offering rate: Double, bearing limit: Double) {
            (served, refused) = (0, 0)
            var offered = 0.0
            for tick in Int(begin * 200)..<Int(end * 200) {
                let now = at(Double(tick) / 200)
                tokens = min(tokens + limit / 200, max(1, limit / 4))
                offered += rate / 200
                while offered >= 1 {
                    offered -= 1
                    if case .admitted(let wait) = machine.enter(upTo: .seconds(1), at: now) {
                        waiting.append((now.advanced(by: wait), now))
                    }
                }
                while let first = waiting.first, first.due <= now {
                    waiting.removeFirst()
                    let isThrottled = tokens < 1
                    if isThrottled { refused += 1 } else { (tokens, served) = (tokens - 1, served + 1) }
                    machine.send(at: now)
                    answers.append((now.advanced(by: .milliseconds(100)), first.admittedAt, isThrottled))
                }
                while let first = answers.first, first.due <= now {
                    answers.removeFirst()
                    _ = machine.answered(
                        admittedAt: first.admittedAt, isThrottled: first.isThrottled, at: now)
                }
            }
        }
    }

    @Test func `nothing is held back before a call was refused`() async throws {
        let limiter = SendRateLimiter("rate", time: TimeSource(clock)) { $0 is TooMany }
        for _ in 0..<1000 { try await limiter.run(CallContext()) { _ in } }
        struct Other: Error {}
        await #expect(throws: Other.self) { try await limiter.run(CallContext()) { _ in throw Other() } }
        #expect(limiter.rate == nil && clock.sleepers == 0)
    }

    @Test(arguments: [10.0, 20, 80])
    func `the rate settles near what the other side bears, with few refusals`(limit: Double) {
        var load = Load()
        load.run(from: 0, to: 30, offering: limit * 4, bearing: limit)
        load.run(from: 30, to: 150, offering: limit * 4, bearing: limit)
        let served = Double(load.served) / 120
        #expect(served > limit * 0.8 && served <= limit + 1, "\(served) of \(limit)")
        #expect(load.refused * 8 < load.served, "\(load.refused) of \(load.served)")
    }

    @Test func `it goes up again when the other side bears more`() {
        var load = Load()
        load.run(from: 0, to: 60, offering: 100, bearing: 10)
        load.run(from: 60, to: 120, offering: 100, bearing: 1000)
        load.run(from: 120, to: 150, offering: 100, bearing: 1000)
        #expect(Double(load.served) / 30 > 95 && load.refused == 0, "\(load.served)")
    }

    @Test func `refusals of calls that were admitted before the rate fell do not lower it again`() throws {
        var machine = Machine(SendRateLimiterPolicy(), at: Self.at(0)), sent: [Instant] = []
        for call in 0..<40 {
            sent.append(Self.at(Double(call) / 20))
            machine.send(at: sent[call])
        }
        let measured = machine.measured
        #expect(measured > 15 && measured < 21)
        let lowered = sent.map { machine.answered(admittedAt: $0, isThrottled: true, at: Self.at(2)) }
        #expect(lowered.count(where: \.self) == 1)
        let same = machine.answered(admittedAt: Self.at(2), isThrottled: true, at: Self.at(2.1))
        #expect(!same && machine.rate == measured * 0.7)
        expect(machine.answered(admittedAt: Self.at(2.1), isThrottled: true, at: Self.at(2.2)))
    }

    @Test func `the rate is never more than twice what is sent, nor less than the lowest`() throws {
        var machine = Machine(SendRateLimiterPolicy(), at: Self.at(0))
        for call in 0..<40 { machine.send(at: Self.at(Double(call) / 20)) }
        expect(machine.answered(admittedAt: Self.at(2), isThrottled: true, at: Self.at(2)))
        // One call a second for a minute: the curve would be far up.
        for second in 3..<60 {
            let sentAt = Self.at(Double(second))
            machine.send(at: sentAt)
            _ = machine.answered(admittedAt: sentAt, isThrottled: false, at: sentAt)
        }
        let rate = try #require(machine.rate)
        #expect(abs(rate - 2 * machine.measured) < 1e-9 && rate < 2.5)
        for second in 60..<90 {
            let sentAt = Self.at(Double(second))
            machine.send(at: sentAt)
            _ = machine.answered(
                admittedAt: sentAt, isThrottled: true, at: sentAt.advanced(by: .milliseconds(1)))
        }
        #expect(machine.rate == 0.5)
    }

    @Test func `aws-sdk-cpp #2275: a clock that goes back does not stop it for ever`() {
        var machine = Machine(SendRateLimiterPolicy(), at: Self.at(1_000_000))
        for call in 0..<40 { machine.send(at: Self.at(1_000_000 + Double(call) / 20)) }
        let last = Self.at(1_000_002)
        expect(machine.answered(admittedAt: last, isThrottled: true, at: last))
        _ = machine.answered(admittedAt: last, isThrottled: false, at: Self.at(5))
        #expect((machine.rate ?? 0) > 10)
        guard case .admitted(let wait) = machine.enter(upTo: .seconds(5), at: Self.at(5)) else {
            Issue.record("refused")
            return
        }
        #expect(wait < .seconds(1))
    }

    @Test func `calls wait for their turns, not beyond the deadline, and a cancelled one makes room`()
        async throws
    {
        let events = Recorder<SendRateLimiterEvent>(), time = TimeSource(clock)
        var policy = SendRateLimiterPolicy()
        policy.minimumRate = 1
        let limiter = SendRateLimiter(
            "rate", policy: policy, time: time, onEvent: { events.record($0) }, throttledBy: { $0 is TooMany }
        )
        for _ in 0..<2 {
            clock.advance(by: .seconds(10))
            await #expect(throws: TooMany.self) {
                try await limiter.run(CallContext()) { _ in throw TooMany() }
            }
        }
        #expect(limiter.rate == 1 && events.events.count == 2 && events.events[1].strategy == "rate")
        let waiting = Task { try await limiter.run(CallContext()) { _ in 7 } }
        await clock.untilSleepers(1)
        await #expect(throws: Rejection(.rateLimited, strategy: "rate", retryAfter: .seconds(2))) {
            try await limiter.run(CallContext(deadline: clock.now.advanced(by: .seconds(1)))) { _ in }
        }
        let cancelled = Task { try await limiter.run(CallContext()) { _ in 8 } }
        await clock.untilSleepers(2)
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        let next = Task { try await limiter.run(CallContext()) { _ in 9 } }
        await clock.untilSleepers(2)
        clock.advance(by: .seconds(2))
        #expect(try await [waiting.value, next.value] == [7, 9])
    }

    @Test func `settings at the ends of their ranges do no harm`() {
        let numbers: [Double] = [.nan, -Double.infinity, -1, 0, 0.5, 1, 1e300, .infinity]
        for seed in 0..<300 as Range<UInt64> {
            var chance = Chance(seed: seed), policy = SendRateLimiterPolicy()
            policy.beta = numbers[Int(chance.unit() * 8)]
            policy.scale = numbers[Int(chance.unit() * 8)]
            policy.minimumRate = numbers[Int(chance.unit() * 8)]
            policy.maximumWait =
                [.zero, .seconds(-1), .unbounded, .seconds(Int64.max)][seed % 4 == 0 ? 0 : 3]
            var machine = Machine(policy, at: Self.at(0))
            for step in 0..<100 {
                let now = Self.at(Double(step) * chance.unit() * 1000)
                machine.send(at: now)
                _ = machine.answered(admittedAt: now, isThrottled: chance.unit() < 0.3, at: now)
                _ = machine.enter(upTo: .unbounded, at: now)
                if let rate = machine.rate { #expect(rate > 0 && rate.isFinite, "seed \(seed)") }
            }
        }
    }
}
