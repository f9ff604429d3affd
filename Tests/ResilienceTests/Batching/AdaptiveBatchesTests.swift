import Foundation
import Testing

@testable import Resilience

/// The adaptive controller on a receiver whose speed changes three times without notice.
@Suite struct AdaptiveBatchesTests {
    /// A receiver: `T(b) = base + perItem·b + bend·max(0, b - knee)²` seconds, with 10 % noise.
    private struct Regime {
        var base: Double, perItem: Double, bend: Double, knee: Double

        func time(_ size: Int) -> Double {
            base + perItem * Double(size) + bend * pow(max(0, Double(size) - knee), 2)
        }
    }

    private static let regimes = [
        Regime(base: 0.2, perItem: 0.02, bend: 1e-4, knee: 64),
        Regime(base: 0.2, perItem: 0.06, bend: 2e-4, knee: 32),
        Regime(base: 0.5, perItem: 0.015, bend: 1e-4, knee: 96),
        Regime(base: 0.1, perItem: 0.12, bend: 5e-4, knee: 16),
    ]

    /// A rule of choosing the next size from the last time.
    private struct Rule {
        var name: String
        var start: (_ target: Double) -> (_ size: Int, _ seconds: Double) -> Int
    }

    /// A rule that changes a number; 1 to 100 of it is the size.
    private static func rule(
        _ name: String, _ next: @escaping (_ x: Double, _ seconds: Double, _ target: Double) -> Double
    ) -> Rule {
        Rule(name: name) { target in
            var x = 10.0
            return { _, seconds in
                x = min(max(1, next(x, seconds, target)), 100)
                return Int(x)
            }
        }
    }

    private static var rules: [Rule] {
        [
            rule("fixed 10") { _, _, _ in 10 },
            rule("fixed 32") { _, _, _ in 32 },
            rule("x 1.1 below 1 s, else x 0.9") { x, seconds, _ in seconds < 1 ? x * 1.1 : x * 0.9 },
            rule("AIMD +1, x 0.9") { x, seconds, target in seconds > target ? x * 0.9 : x + 1 },
            Rule(name: "adaptive") { target in
                var load = BatchLoad()
                var controller = AdaptiveBatches(initial: 10, maximum: 100, longest: .zero)
                return { size, seconds in
                    load.latency.record(size: size, time: seconds / target)
                    controller.finished(size: size, time: seconds / target, load)
                    return controller.plan(load).limit
                }
            },
        ]
    }

    private struct Score {
        var itemsPerSecond: Double
        var violations: Double
    }

    /// Runs a rule through 20 times 4 regimes of 400 batches each, with an endless queue.
    private func play(_ rule: Rule, target: Double, seed: UInt64) -> Score {
        var chance = Chance(seed: seed), items = 0, seconds = 0.0, late = 0, batches = 0
        for _ in 0..<20 {
            let observe = rule.start(target)
            var size = rule.name == "fixed 32" ? 32 : 10
            for regime in Self.regimes {
                for _ in 0..<400 {
                    let time = regime.time(size) * max(0.3, 1 + 0.1 * normal(&chance))
                    (items, seconds, batches) = (items + size, seconds + time, batches + 1)
                    if time > target { late += 1 }
                    size = observe(size, time)
                }
            }
        }
        return Score(itemsPerSecond: Double(items) / seconds, violations: Double(late) / Double(batches))
    }

    /// A normal deviate (Box and Muller).
    private func normal(_ chance: inout Chance) -> Double {
        sqrt(-2 * log(1 - chance.unit())) * cos(2 * .pi * chance.unit())
    }

    @Test(arguments: [1.0, 2.0], [1, 7, 2024] as [UInt64])
    func `it does half as much again as fixed 10 and keeps the target in 95 % of the batches`(
        target: Double, seed: UInt64
    ) throws {
        var scores: [String: Score] = [:], table = "target \(target) s, seed \(seed): items/s, violations"
        for rule in Self.rules {
            let score = play(rule, target: target, seed: seed)
            scores[rule.name] = score
            let name = rule.name.padding(toLength: 28, withPad: " ", startingAt: 0)
            table += String(
                format: "\n  %@ %5.1f  %4.1f %%", name, score.itemsPerSecond, score.violations * 100)
        }
        print(table)
        let fixed = try #require(scores["fixed 10"]), ours = try #require(scores["adaptive"])
        #expect(ours.itemsPerSecond >= 1.5 * fixed.itemsPerSecond, "seed \(seed)")
        #expect(ours.violations <= 0.05, "seed \(seed)")
    }

    @Test func `the model finds base and slope of a straight line`() {
        var model = LatencyModel()
        for size in [10, 20, 15, 30, 12, 25, 18, 22] {
            model.record(size: size, time: 0.1 + 0.02 * Double(size))
        }
        #expect(abs(model.base - 0.1) < 1e-6)
        #expect(abs(model.perItem - 0.02) < 1e-6)
    }

    @Test func `a batch far slower than predicted makes the model forget`() {
        var model = LatencyModel()
        for _ in 0..<10 { for size in [10, 14, 12] { model.record(size: size, time: 0.01 * Double(size)) } }
        for size in [10, 14, 12, 10] { model.record(size: size, time: 0.05 * Double(size)) }
        #expect(model.mean(size: 12) > 0.4, "0.12 before, 0.6 now")
    }

    @Test func `numbers that make no sense change nothing`() {
        var model = LatencyModel()
        for time in [Double.nan, .infinity, -1] { model.record(size: 4, time: time) }
        model.record(size: 0, time: 1)
        #expect(!model.isKnown)
        for _ in 0..<100 { model.record(size: 5, time: 0) }
        #expect(model.fittingSize.isFinite)
    }

    @Test func `one batch moves the size by a quarter at most, and a late one takes 15 % off`() {
        var load = BatchLoad(), controller = AdaptiveBatches(initial: 40, maximum: 100, longest: .zero)
        load.latency.record(size: 40, time: 0.01)
        controller.finished(size: 40, time: 0.01, load)
        #expect(controller.plan(load).limit == 50)
        load.latency.record(size: 50, time: 1.01)
        controller.finished(size: 50, time: 1.01, load)
        #expect(controller.plan(load).limit <= 42)
    }

    @Test func `small batches do not prove that large ones are good`() {
        var load = BatchLoad(), controller = AdaptiveBatches(initial: 20, maximum: 100, longest: .zero)
        for _ in 0..<6 {
            load.latency.record(size: 2, time: 0.01)
            controller.finished(size: 2, time: 0.01, load)
        }
        #expect(controller.plan(load).limit == 20)
    }

    @Test func `every seventh batch is 7 % smaller, so that the slope stays visible`() {
        var load = BatchLoad(), controller = AdaptiveBatches(initial: 100, maximum: 100, longest: .zero)
        var limits: [Int] = []
        for _ in 0..<8 {
            load.latency.record(size: 100, time: 0.01)
            controller.finished(size: 100, time: 0.01, load)
            limits.append(controller.plan(load).limit)
        }
        #expect(limits == [100, 100, 100, 100, 100, 100, 93, 100])
    }

    @Test func `a batch that fails as a whole takes 15 % off`() {
        let load = BatchLoad()
        var controller = AdaptiveBatches(initial: 20, maximum: 100, longest: .zero)
        controller.finished(size: 20, time: nil, load)
        #expect(controller.plan(load).limit == 17)
    }
}
