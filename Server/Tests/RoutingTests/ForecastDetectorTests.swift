import Foundation
import Resilience
import Testing

@testable import Routing

/// How soon the change detector finds that a target has begun to fail, and how often it is wrong.
@Suite struct ForecastDetectorTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var threshold: Double
        var falseAlarms: Double
        /// By the share of failures: 10 %, 30 %, 60 %, all.
        var delays: [Double]
        /// Of 200 changes to 10 %, how many must be found within 200 results. Fewer than with a fixed level, since the
        /// level that the detector learns follows the change.
        var found: Double
        var testDescription: String { "threshold \(threshold)" }
    }

    private static func isAlarmed(_ detector: inout ChangeDetector, _ share: Double, _ chance: inout Chance)
        -> Bool
    {
        guard let alarm = detector.note(chance.unit() >= share) else { return false }
        detector.restart(level: 0.01)
        return alarm.isWorse
    }

    @Test(arguments: [
        Row(threshold: 4, falseAlarms: 4.2, delays: [32.7, 7.3, 3.3, 1.9], found: 185),
        Row(threshold: 5.5, falseAlarms: 1.1, delays: [51.4, 9.5, 3.9, 2.0], found: 120),
    ])
    func `changes are found as soon, and wrongly as rarely, as the study says`(row: Row) {
        var chance = Chance(seed: 5), wrong = 0.0
        for _ in 0..<200 {
            var detector = ChangeDetector(level: 0.01, threshold: row.threshold)
            for _ in 0..<1000 where Self.isAlarmed(&detector, 0.01, &chance) { wrong += 1 }
        }
        wrong /= 20
        print(String(format: "detector %.1f: false alarms %.2f in 10,000", row.threshold, wrong))
        #expect(abs(wrong - row.falseAlarms) < 0.5 * row.falseAlarms + 0.5)
        for (share, expected) in zip([0.1, 0.3, 0.6, 1], row.delays) {
            var sum = 0.0, found = 0.0
            for _ in 0..<200 {
                var detector = ChangeDetector(level: 0.01, threshold: row.threshold)
                for _ in 0..<100 { _ = Self.isAlarmed(&detector, 0.01, &chance) }
                guard let delay = (1...200).first(where: { _ in Self.isAlarmed(&detector, share, &chance) })
                else { continue }
                sum += Double(delay)
                found += 1
            }
            print(
                String(
                    format: "detector %.1f: failures %.1f: delay %.1f (the study: %.1f), missed %.1f %%",
                    row.threshold, share, sum / found, expected, (200 - found) / 2))
            #expect(abs(sum / found - expected) < (share < 0.2 ? 0.35 : 0.2) * expected)
            #expect(found >= (share < 0.2 ? row.found : 200))
        }
    }
}
