import Foundation
import Resilience
import Testing

@testable import Routing

/// Whether a slow change of quality is found, and noise is not taken for one.
@Suite struct ForecastQualityTests {
    private typealias Point = QualityForecast.Point

    private static let now = 1_795_200_000.0

    /// Twelve slices of a week, each of so many answers, of which a share is good that may change and wander.
    private static func week(
        _ share: (Double) -> Double, answers: Int, wander: Double = 0, _ chance: inout Chance
    ) -> [Point] {
        (0..<12).map { slice in
            let day = (Double(slice) - 11.5) * 14 / 24
            let likely = min(1, max(0, share(day) + wander * chance.normal()))
            let good = (0..<answers).count { _ in chance.unit() < likely }
            return Point(day: day, good: Double(good), given: Double(answers))
        }
    }

    private static func trends(
        _ runs: Int, answers: Int, wander: Double = 0, seed: UInt64, _ share: (Double) -> Double
    ) -> [Trend: Double] {
        var chance = Chance(seed: seed), counts: [Trend: Double] = [:]
        for _ in 0..<runs {
            let forecast = QualityForecast([week(share, answers: answers, wander: wander, &chance)])
            counts[forecast?.trend ?? .stable, default: 0] += 1 / Double(runs)
        }
        return counts
    }

    @Test(arguments: [(-1.0, Trend.declining), (1, .improving)])
    func `a slow change is found, the surer the more answers there are`(sign: Double, trend: Trend) {
        for (answers, least) in [(100, 0.25), (400, 0.95), (1000, 0.99)] {
            let seed = UInt64(answers) + (sign > 0 ? 1 : 0)
            let found = Self.trends(500, answers: answers, seed: seed) { 0.92 + sign * 0.01 * ($0 + 3.5) }
            print(
                String(
                    format: "quality, %+.0f point a day, %d answers in 14 hours: found %.1f %%", sign,
                    answers, 100 * (found[trend] ?? 0)))
            #expect(found[trend] ?? 0 >= least)
            #expect(found.count <= 2 && found[trend == .declining ? .improving : .declining] == nil)
        }
    }

    @Test func `noise is not a trend`() {
        var worst = 0.0, sum = 0.0, runs = 0.0
        for (index, share) in [0.8, 0.9, 0.97, 0.99, 0.999, 1].enumerated() {
            for (place, answers) in [20, 50, 200, 1000].enumerated() {
                let seed = UInt64(100 + index * 10 + place)
                let wrong = 1 - (Self.trends(500, answers: answers, seed: seed) { _ in share }[.stable] ?? 0)
                (worst, sum, runs) = (max(worst, wrong), sum + wrong, runs + 1)
            }
        }
        print(
            String(
                format: "quality, false alarms: %.2f %% on the average, %.2f %% at worst", 100 * sum / runs,
                100 * worst))
        #expect(sum / runs < 0.01 && worst < 0.03)
        let restless =
            1 - (Self.trends(2000, answers: 500, wander: 0.03, seed: 7) { _ in 0.93 }[.stable] ?? 0)
        print(String(format: "quality, false alarms when slices wander: %.2f %%", 100 * restless))
        #expect(restless < 0.03)
    }

    /// A tracker of a week in which every two minutes an answer was given.
    private static func tracker(_ isGood: (Int, Double) -> (good: Bool, long: Bool)) -> PerformanceTracker {
        var tracker = PerformanceTracker()
        for number in 0..<5040 {
            let day = Double(number) / 720, (good, long) = isGood(number, day)
            tracker.note(
                .init(failure: good ? nil : 10), isLong: long, at: now - 604_800 + Double(number) * 120 + 60)
        }
        return tracker
    }

    @Test func `a decline is gone on with for a day, and what is no trend is not`() throws {
        // Of each hundred answers one more is bad every day.
        let worse = Self.tracker { number, day in (number * 37 % 100 >= Int(day + 0.5) + 2, false) }
        let forecast = try #require(QualityForecast(worse, flaw: 10, at: Self.now))
        #expect(forecast.trend == .declining && abs(forecast.changePerDay + 0.01) < 0.002)
        #expect(
            abs(forecast.now - 0.91) < 0.01
                && abs(forecast.inADay - forecast.now - forecast.changePerDay) < 1e-9)
        #expect(forecast.error > 0 && forecast.error < 0.003)
        let same = Self.tracker { number, _ in (number * 37 % 100 >= 10, false) }
        let still = try #require(QualityForecast(same, flaw: 10, at: Self.now))
        #expect(still.trend == .stable && abs(still.now - 0.9) < 0.002 && still.inADay == still.now)
        #expect(QualityForecast(worse, flaw: 3, at: Self.now)?.now == 1, "other failures are no answers")
    }

    @Test func `it is no trend when more is asked of what is answered worse`() throws {
        let mixed = Self.tracker { number, day in
            let long = Double(number * 53 % 100) < 10 + 10 * day
            return (number * 37 % 101 >= (long ? 30 : 5), long)
        }
        let forecast = try #require(QualityForecast(mixed, flaw: 10, at: Self.now))
        #expect(forecast.trend == .stable && abs(forecast.changePerDay) < 0.006, "\(forecast)")
    }

    @Test func `what is expected is a share, however steep the line`() throws {
        var chance = Chance(seed: 3)
        let up = try #require(
            QualityForecast([Self.week({ 1 + $0 / 14 }, answers: 500, &chance)]))
        #expect(up.trend == .improving && up.inADay == 1)
        let down = try #require(
            QualityForecast([Self.week({ -$0 / 7 }, answers: 500, &chance)]))
        #expect(down.trend == .declining && down.inADay == 0 && down.now >= 0)
    }

    @Test func `nothing is said of too few answers or of too short a time`() {
        func points(_ count: Int, every days: Double, given: Double = 20) -> [Point] {
            (0..<count).map { Point(day: -Double($0) * days, good: given - 1, given: given) }
        }
        #expect(QualityForecast([points(6, every: 0.6)]) != nil)
        #expect(QualityForecast([points(5, every: 0.8)]) == nil, "too few slices")
        #expect(QualityForecast([points(12, every: 0.25)]) == nil, "less than three days")
        #expect(QualityForecast([points(12, every: 0.6, given: 19)]) == nil, "too few answers in each")
        #expect(
            QualityForecast([points(3, every: 1.5), points(3, every: 1.5)]) == nil, "too few for two levels")
        #expect(QualityForecast([]) == nil && QualityForecast(PerformanceTracker(), flaw: 10, at: 0) == nil)
    }
}
