import Foundation
import Testing

@testable import Resilience

/// What ways of retrying achieve against failures of different kinds.
@Suite struct RetryTableTests {
    private typealias World = RetryWorld

    /// The share of operations that succeed, in percent, as measured in the world of the seed 11 with another program:
    /// none, immediate, fixed, linear, exponential, full jitter, adaptive.
    private static let measured: [RetryWorld.Regime: [Double]] = [
        .transient: [91.9, 100, 100, 100, 100, 100, 100],
        .bursts: [92.9, 93.8, 97.0, 98.7, 98.8, 97.3, 98.4],
        .outages: [94.5, 95.4, 95.7, 96.0, 96.0, 95.4, 95.7],
        .rateLimit: [85.2, 86.1, 91.6, 96.8, 97.8, 92.1, 100],
    ]

    @Test func `the world's generator is Python's`() {
        var chance = MersenneTwister(seed: 11)
        let numbers = (0..<3).map { _ in chance.unit() }
        #expect(numbers == [0.4523795535098186, 0.559772386080496, 0.9242105840237294])
    }

    @Test func `each way of retrying does as well as was measured elsewhere, within one point`() {
        var lines = ["success %, added delay in s, attempts per operation (3 retries, 30 s; seed 11)"]
        for regime in World.Regime.allCases {
            let world = World(regime, seed: 11), wanted = Self.measured[regime] ?? []
            var cells: [String] = [], results: [World.Rule: World.Result] = [:]
            for (rule, wanted) in zip(World.Rule.allCases, wanted) {
                let result = world.play(rule, seed: 11)
                results[rule] = result
                #expect(
                    abs(result.success - wanted) <= 1, "\(regime.rawValue) \(rule): \(result.success)")
                cells.append(Self.cell(rule, result))
            }
            lines.append(Self.line(regime, cells, Self.removed(results)))
        }
        print(lines.joined(separator: "\n"))
    }

    /// `HOLDFAST_RETRY_WORLDS=50 swift test --filter RetryTableTests` plays that many worlds.
    @Test func `the adaptive way comes within a point of the best fixed one in every kind of world`() {
        let count = ProcessInfo.processInfo.environment["HOLDFAST_RETRY_WORLDS"].flatMap(UInt32.init) ?? 1
        var lines = ["mean of \(count) worlds"]
        for regime in World.Regime.allCases {
            var sums: [World.Rule: World.Result] = [:]
            for seed in 1...max(1, count) {
                let world = World(regime, seed: 1000 + seed)
                for rule in World.Rule.allCases {
                    let result = world.play(rule, seed: UInt64(seed))
                    sums[rule, default: World.Result()].succeeded += result.succeeded
                    sums[rule, default: World.Result()].attempts += result.attempts
                    sums[rule, default: World.Result()].delay += result.delay
                }
            }
            let means = sums.mapValues { sum in
                World.Result(
                    succeeded: sum.succeeded / Int(count), attempts: sum.attempts / Int(count),
                    delay: sum.delay / Double(count))
            }
            let best = means.filter { $0.key != .adaptive }.map(\.value.success).max() ?? 0
            let adaptive = means[.adaptive]?.success ?? 0
            #expect(adaptive > best - 1, "\(regime.rawValue): \(adaptive), best \(best)")
            let cells = World.Rule.allCases.compactMap { rule in means[rule].map { Self.cell(rule, $0) } }
            lines.append(Self.line(regime, cells, Self.removed(means)))
        }
        print(lines.joined(separator: "\n"))
    }

    private static func cell(_ rule: World.Rule, _ result: World.Result) -> String {
        String(
            format: "%@ %.1f/%.2f/%.2f", rule.rawValue, result.success, result.meanDelay, result.amplification
        )
    }

    private static func line(_ regime: World.Regime, _ cells: [String], _ removed: Double) -> String {
        let name = regime.rawValue.padding(toLength: 18, withPad: " ", startingAt: 0)
        return name + cells.joined(separator: " | ")
            + String(format: " | %.0f %% of failures removed", removed)
    }

    /// The share of failed operations that the adaptive way removes, in percent.
    private static func removed(_ results: [World.Rule: World.Result]) -> Double {
        let without = 100 - (results[.none]?.success ?? 0), with = 100 - (results[.adaptive]?.success ?? 0)
        return without > 0 ? 100 * (1 - with / without) : 0
    }
}
