import Testing

@testable import Resilience

/// Random settings, the impossible ones among them.
@Suite struct BackoffPropertyTests {
    private static let times: [Duration] = [
        .zero, .nanoseconds(1), .milliseconds(100), .seconds(1), .seconds(30), .seconds(86_400), .unbounded,
        .seconds(-1), .zero - .unbounded, .seconds(Int64.max), .seconds(Int64.min),
        Duration(attoseconds: .max), Duration(attoseconds: .min),
    ]
    private static let numbers: [Double] = [
        .nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -1e300, -2, -0.5, -0.0,
        0, 0.25, 0.5, 1, 1.5, 2, 10, 1e300,
    ]
    private static let attempts = [0, 1, 2, 3, 10, 62, 63, 64, 999, 1000, 1024, .max, .min, -1]

    private struct Draw {
        var chance: Chance

        mutating func any<Element>(_ elements: [Element]) -> Element {
            elements[Int(chance.unit() * Double(elements.count))]
        }

        mutating func time() -> Duration {
            chance.unit() < 0.5 ? any(times) : .seconds(chance.unit() * 100)
        }

        mutating func number() -> Double { chance.unit() < 0.5 ? any(numbers) : chance.unit() * 4 - 1 }

        mutating func backoff() -> Backoff {
            let growth: Backoff.Growth =
                switch any([0, 1, 2, 3, 4]) {
                case 0: .constant
                case 1: .linear
                case 2: .random
                case 3: .listed((0..<any([0, 1, 3])).map { _ in time() })
                default: .exponential(multiplier: number())
                }
            let jitter: Backoff.Jitter =
                switch any([0, 1, 2, 3, 4, 5, 6, 7]) {
                case 0: .none
                case 1: .full
                case 2: .half
                case 3: .proportional(number())
                case 4: .absolute(time())
                case 5: .added(time())
                case 6: .decorrelated
                default: .decorrelatedSmooth
                }
            return Backoff(base: time(), growth: growth, jitter: jitter, minimum: time(), maximum: time())
        }
    }

    @Test func `delays of random settings lie between zero and the cap, and none traps`() {
        for seed in 0..<4000 as Range<UInt64> {
            var draw = Draw(chance: Chance(seed: seed))
            let backoff = draw.backoff(), cap = min(max(.zero, backoff.maximum), .unbounded)
            let floor = min(max(.zero, backoff.minimum), cap)
            var series = Backoff.Series(backoff)
            for _ in 0..<12 {
                let random = draw.chance.unit() < 0.3 ? draw.number() : draw.chance.unit()
                let delay =
                    draw.chance.unit() < 0.5
                    ? series.next(random: random)
                    : series.delay(attempt: draw.any(Self.attempts), random: random)
                #expect(delay >= floor && delay <= cap, "seed \(seed): \(backoff) gave \(delay)")
            }
        }
    }

    @Test func `waits of random settings, wishes and replacements are never negative`() {
        for seed in 0..<2000 as Range<UInt64> {
            var draw = Draw(chance: Chance(seed: seed))
            let rule: RetryPolicy.RetryAfter =
                switch draw.any([0, 1, 2]) {
                case 0: .ignored
                case 1: .clamped(draw.time())
                default: .honoured(ceiling: draw.time())
                }
            var machine = Retry.StateMachine(
                RetryPolicy(maximumAttempts: nil, backoff: draw.backoff(), retryAfter: rule),
                startedAt: Instant(), deadline: nil)
            for _ in 0..<6 {
                let wish = draw.any([0, 1]) == 0 ? draw.time() : nil
                let delay = draw.any([0, 1]) == 0 ? draw.time() : nil
                let step = machine.next(
                    retryAfter: wish, delay: delay, random: draw.number(), at: Instant())
                if case .retry(let wait, _) = step { #expect(wait >= .zero, "seed \(seed)") }
            }
        }
    }

    @Test func `a series grows to its cap and stays there, without jitter`() {
        for seed in 0..<300 as Range<UInt64> {
            var draw = Draw(chance: Chance(seed: seed))
            let multiplier = 1 + draw.chance.unit() * 3
            let growth: Backoff.Growth = draw.any([.constant, .linear, .exponential(multiplier: multiplier)])
            var
                series = Backoff.Series(
                    Backoff(base: .seconds(draw.chance.unit()), growth: growth, jitter: .none)),
                last = Duration.zero
            for attempt in 0..<100 {
                let delay = series.next(random: draw.chance.unit())
                #expect(delay >= last && delay <= .seconds(30), "seed \(seed), attempt \(attempt)")
                last = delay
            }
        }
    }

    @Test func `listed delays come in their order and the last one stays`() {
        let delays: [Duration] = [.seconds(1), .seconds(5), .seconds(2)]
        var series = Backoff.Series(Backoff(growth: .listed(delays), jitter: .none))
        #expect((0..<5).map { _ in series.next(random: 0.5) } == delays + [.seconds(2), .seconds(2)])
        var empty = Backoff.Series(Backoff(base: .seconds(3), growth: .listed([]), jitter: .none))
        #expect(empty.next(random: 0.5) == .seconds(3))
    }

    @Test func `added jitter only lengthens, up to the cap`() {
        var series = Backoff.Series(
            Backoff(
                base: .seconds(1), growth: .constant, jitter: .added(.seconds(2)), maximum: .seconds(2.5)))
        #expect([0, 0.5, 1].map { series.next(random: $0) } == [.seconds(1), .seconds(2), .seconds(2.5)])
    }

    @Test func `decorrelated jitter goes up to three times the delay before it`() {
        var series = Backoff.Series(Backoff(base: .seconds(1), jitter: .decorrelated, maximum: .seconds(20)))
        let delays = [1, 1, 0, 0.5, 1, 1, 1].map { series.next(random: $0) }
        #expect(delays == [3, 9, 1, 2, 6, 18, 20].map { Duration.seconds($0) })
    }
}
