import Foundation
import Resilience
import Testing

@testable import Routing

@Suite struct ForecastQuotaTests {
    /// Six weeks of traffic in slots of five minutes: a daily wave, quiet weekends, a level that wanders, surges.
    struct Traffic {
        var slots: [Double] = []
        private var chance: Chance

        init(days: Int, seed: UInt64) {
            chance = Chance(seed: seed)
            let count = days * 288
            var surge = [Double](repeating: 1, count: count), walk = 0.0
            for _ in 0..<days / 5 {
                let start = Int(chance.unit() * Double(count - 30)), length = 6 + Int(chance.unit() * 24)
                let factor = 2 + 3 * chance.unit()
                for slot in start..<start + length { surge[slot] *= factor }
            }
            for slot in 0..<count {
                let hour = Double(slot) / 12
                walk += 0.01 * chance.normal()
                let day = 1 + 0.7 * sin(2 * .pi * hour.truncatingRemainder(dividingBy: 24) / 24 - .pi * 0.65)
                let week = (slot / 288) % 7 >= 5 ? 0.45 : 1
                slots.append(poisson(40 * day * week * exp(0.3 * walk) * surge[slot]))
            }
        }

        /// W. Hörmann: "The transformed rejection method for generating Poisson random variables", 1993.
        private mutating func poisson(_ mean: Double) -> Double {
            if mean < 10 {
                var product = chance.unit(), count = 0.0
                while product > exp(-mean) {
                    product *= chance.unit()
                    count += 1
                }
                return count
            }
            let b = 0.931 + 2.53 * mean.squareRoot(), a = -0.059 + 0.02483 * b
            let inverse = 1.1239 + 1.1328 / (b - 3.4), top = 0.9277 - 3.6224 / (b - 2)
            while true {
                let u = chance.unit() - 0.5, v = chance.unit(), distance = 0.5 - abs(u)
                let count = ((2 * a / distance + b) * u + mean + 0.43).rounded(.down)
                if distance >= 0.07, v <= top { return count }
                if count < 0 || (distance < 0.013 && v > distance) { continue }
                let left = log(v * inverse / (a / (distance * distance) + b))
                if left <= -mean + count * log(mean) - lgamma(count + 1) { return count }
            }
        }
    }

    struct Score {
        var error = 0.0, count = 0.0, hits = 0.0, missed = 0.0, wrong = 0.0

        mutating func note(_ said: Double, _ actual: Double, end: Double) {
            error += abs(said - actual) / 12
            count += 1
            if actual < end {
                if said < end { hits += 1 } else { missed += 1 }
            } else if said < end {
                wrong += 1
            }
        }

        var precision: Double { hits / (hits + wrong) }
        var recall: Double { hits / (hits + missed) }
        var text: String {
            String(
                format: "MAE %.2f h, precision %.3f, recall %.3f, n %.0f", error / count, precision, recall,
                count)
        }
    }

    static let monday = 4.0 * 86400

    @Test func `the profile of the week tells when a daily quota ends, which a straight line does not`() {
        var ours = Score(), linear = Score(), inside = 0.0, ranges = 0.0, brier = 0.0, base = 0.0
        for seed in UInt64(0)..<14 {
            let traffic = Traffic(days: 42, seed: 100 + seed).slots
            let days = (0..<42).map { traffic[$0 * 288..<($0 + 1) * 288].reduce(0, +) }
            var forecast = QuotaForecast()
            for (slot, count) in traffic.enumerated() {
                let day = slot / 288, moment = Self.monday + Double(slot) * 300
                forecast.note(count, at: moment)
                guard day >= 21 else { continue }
                let recent = days[day - 14..<day].sorted()
                let quota = (recent[7] + 0.8 * (recent[8] - recent[7])) * 0.85
                let begin = day * 288, used = traffic[begin...slot].reduce(0, +), at = slot - begin
                guard at >= 6, at < 286,
                    [0.25, 0.5, 0.75].contains(where: { used >= quota * $0 && used - count < quota * $0 })
                else { continue }
                var sum = 0.0
                let actual = Double(
                    traffic[begin..<begin + 288].firstIndex {
                        sum += $0
                        return sum >= quota
                    }.map { $0 - begin } ?? 288)
                let straight = Double(at) + 1 + ((quota - used) / (used / Double(at + 1))).rounded(.down)
                linear.note(min(288, straight), actual, end: 288)
                let renewal = Self.monday + Double(begin + 288) * 300
                let said = forecast.exhaustion(of: quota - used, at: moment + 300, before: renewal)
                func place(_ moment: Double?) -> Double {
                    moment.map { (($0 - Self.monday) / 300).rounded(.down) - Double(begin) } ?? 288
                }
                ours.note(min(288, place(said?.moment)), actual, end: 288)
                let risk = forecast.risk(of: quota - used, at: moment + 300, before: renewal)
                brier += (risk - (actual < 288 ? 1 : 0)) * (risk - (actual < 288 ? 1 : 0))
                base += actual < 288 ? 1 : 0
                if let said {
                    ranges += 1
                    let low = place(said.earliest), high = place(said.latest)
                    if actual >= low, actual <= high { inside += 1 }
                }
            }
        }
        let share = base / ours.count
        let skill = 1 - brier / ours.count / (share * (1 - share))
        print("quota, straight line:", linear.text)
        print("quota, profile of the week:", ours.text)
        print(
            String(
                format: "quota: inside the range of 80 %%: %.3f, skill of the risk %.2f", inside / ranges,
                skill))
        #expect(ours.error / ours.count <= 0.7)
        #expect(ours.recall >= 0.95)
        #expect(ours.precision >= 0.9)
        #expect(linear.error / linear.count > 2 * ours.error / ours.count)
        #expect((0.7...0.95).contains(inside / ranges))
        #expect(skill > 0.4)
    }

    private func steady(_ rate: Double = 10, days: Int = 14) -> QuotaForecast {
        var forecast = QuotaForecast()
        for slot in 0...days * 288 { forecast.note(rate, at: Self.monday + Double(slot) * 300) }
        return forecast
    }

    @Test func `a steady use ends when division says, and a quota that lasts has no end`() throws {
        let forecast = steady()
        let now = Self.monday + 14 * 86400
        let end = try #require(forecast.exhaustion(of: 600, at: now, before: now + 86400))
        #expect(abs(end.moment - now - 60 * 300) < 60)
        #expect(end.earliest < end.moment)
        #expect(try #require(end.latest) > end.moment)
        #expect(forecast.exhaustion(of: 3000, at: now, before: now + 86400) == nil)
        #expect(forecast.risk(of: 600, at: now, before: now + 86400) > 0.99)
        #expect(forecast.risk(of: 30_000, at: now, before: now + 86400) < 0.01)
        #expect(abs(forecast.demand(from: now, to: now + 86400) - 2880) < 30)
    }

    @Test func `a day that is busier than usual ends sooner`() throws {
        var usual = steady(), busy = steady()
        let start = Self.monday + 14 * 86400
        for slot in 1...24 {
            usual.note(10, at: start + Double(slot) * 300)
            busy.note(30, at: start + Double(slot) * 300)
        }
        let now = start + 25 * 300
        let one = try #require(usual.exhaustion(of: 600, at: now, before: now + 86400))
        let other = try #require(busy.exhaustion(of: 600, at: now, before: now + 86400))
        #expect(busy.level > 1.5 && busy.level < 3)
        #expect(other.moment < one.moment - 3600)
    }

    @Test func `nothing is foretold by one that has seen nothing, and what is used up is used up now`() {
        let forecast = QuotaForecast()
        #expect(forecast.exhaustion(of: 1, at: 0, before: 1e9) == nil)
        #expect(forecast.risk(of: 1, at: 0, before: 1e9) == 0)
        #expect(forecast.exhaustion(of: 0, at: 5, before: 1e9)?.moment == 5)
    }

    @Test func `a pause is not learned as silence`() {
        var paused = steady()
        for slot in 1...6 { paused.note(100, at: Self.monday + 14 * 86400 + Double(slot) * 300) }
        paused.resume(at: Self.monday + 17 * 86400 + 6 * 300)
        paused.note(1, at: Self.monday + 17 * 86400 + 12 * 300)
        #expect(abs((paused.profile.average ?? 0) - 10) < 1e-9)
        #expect(paused.level < 1)
        var far = steady()
        far.note(1, at: Self.monday + 100 * 86400)
        #expect(abs((far.profile.average ?? 0) - 10) < 1e-9)
        var silent = steady()
        silent.note(1, at: Self.monday + 16 * 86400)
        #expect((silent.profile.average ?? 0) < 9)
    }

    @Test func `what was learned survives a file, and a damaged file is refused`() throws {
        let forecast = steady(), data = try JSONEncoder().encode(forecast)
        let back = try JSONDecoder().decode(QuotaForecast.self, from: data)
        let now = Self.monday + 15 * 86400
        #expect(abs(back.demand(from: now, to: now + 3600) - 120) < 1)
        let broken = String(decoding: data, as: UTF8.self)
            .replacingOccurrences(of: "\"errors\":", with: "\"errors\":-")
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(QuotaForecast.self, from: Data(broken.utf8))
        }
    }

    @Test func `hours of the week begin on Monday`() {
        #expect(WeekClock.hourOfWeek(at: 0) == 72)
        #expect(WeekClock.hourOfWeek(at: Self.monday) == 0)
        #expect(WeekClock.hourOfWeek(at: Self.monday - 1) == 167)
        #expect(WeekClock.hourOfWeek(at: -1e300) >= 0 && WeekClock.hourOfWeek(at: .nan) == 72)
    }
}
