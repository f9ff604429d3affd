import Foundation
import Resilience
import Testing

@testable import Routing

@Suite struct ForecastIncidentTests {
    private static let monday = ForecastQuotaTests.monday

    @Test func `one that has seen nothing expects an incident in 74 hours, mostly at the peak`() {
        let forecast = IncidentForecast(), week = 7 * 86400.0
        let expected = -log(1 - forecast.risk(within: week, at: Self.monday))
        #expect(abs(expected - 168 / 74) < 1e-6)
        let night = forecast.risk(within: 1800, at: Self.monday + 4 * 3600)
        let peak = forecast.risk(within: 1800, at: Self.monday + 17 * 3600)
        let sunday = forecast.risk(within: 1800, at: Self.monday + (6 * 24 + 17) * 3600)
        #expect(abs(peak / night - 3) < 0.05)
        #expect(sunday < night / 4)
        #expect(abs(peak - (1 - exp(-0.5 / 74 * 168 * 0.95 * 3 / 160))) < 1e-9)
        #expect(forecast.risk(within: 300, at: Self.monday) < night)
        #expect(forecast.expectedRecovery(at: 0) == nil && forecast.recovers(within: 60, at: 0) == nil)
    }

    @Test func `a horizon across two hours adds up both`() {
        let forecast = IncidentForecast(), peak = Self.monday + 16 * 3600
        func expected(_ from: Double, _ time: Double) -> Double {
            -log(1 - forecast.risk(within: time, at: from))
        }
        let both = expected(peak - 900, 1800)
        #expect(abs(both - expected(peak - 900, 900) - expected(peak, 900)) < 1e-12)
        #expect(expected(peak, 900) > 2 * expected(peak - 900, 900))
    }

    @Test func `the risk that is learned is how often it happens, whatever was assumed`() {
        var chance = Chance(seed: 7), forecast = IncidentForecast(), now = Self.monday
        var next = 0.0, said = 0.0, came = 0.0, skill = (own: 0.0, prior: 0.0)
        let prior = IncidentForecast(), step = 1800.0, end = now + 2 * 365 * 86400
        func gap() -> Double { -20 * 3600 * log(1 - chance.unit()) }
        next = now + gap()
        while now < end {
            forecast.advance(to: now)
            let risk = forecast.risk(within: step, at: now), comes = next < now + step
            if now > Self.monday + 60 * 86400 {
                said += risk
                came += comes ? 1 : 0
                let old = prior.risk(within: step, at: now)
                skill.own -= log(comes ? risk : 1 - risk)
                skill.prior -= log(comes ? old : 1 - old)
            }
            guard comes else {
                now += step
                continue
            }
            let length = 2400 * exp(0.7 * chance.normal())
            forecast.began(at: next)
            forecast.ended(at: next + length)
            now = next + length
            next = now + gap()
        }
        print(
            String(
                format:
                    "incidents: foretold %.0f, came %.0f; log loss %.1f learned, %.1f assumed; length %.0f s, sd %.2f",
                said, came, skill.own, skill.prior, forecast.length.median,
                forecast.length.variance.squareRoot()))
        #expect(abs(said / came - 1) < 0.12)
        #expect(skill.own < 0.95 * skill.prior)
        #expect(abs(log(forecast.length.median / 2400)) < 0.35)
        #expect(abs(forecast.length.variance.squareRoot() - 0.7) < 0.25)
    }

    @Test(arguments: [0.0, 600, 4500, 18000, 60000])
    func `what is left of an incident is what is left of those that lasted as long`(age: Double) {
        var chance = Chance(seed: 3), left: [Double] = []
        while left.count < 4000 {
            // From the tail at once where few last as long.
            let time = 4500 * exp(1.2 * (age > 10000 ? 1 + abs(chance.normal()) : chance.normal()))
            let weight = age > 10000 ? exp(-(log(time / 4500) / 1.2) + 0.5) : 1
            if time > age, chance.unit() < weight { left.append(time - age) }
        }
        let length = IncidentLength(), mean = left.reduce(0, +) / 4000
        #expect(abs(length.expectedRemaining(after: age) / mean - 1) < 0.12)
        for horizon in [1800.0, 7200] {
            let share = Double(left.count { $0 <= horizon }) / 4000
            #expect(abs(length.ends(within: horizon, after: age) - share) < 0.03)
        }
        #expect(abs(length.remaining(after: age) / left.sorted()[2000] - 1) < 0.12)
    }

    @Test func `the longer an incident lasts, the longer it goes on, and no age breaks the figures`() {
        var forecast = IncidentForecast()
        forecast.began(at: 0)
        let times = [0.0, 600, 3600, 86400, 1e7, 1e15].compactMap { forecast.expectedRecovery(at: $0) }
        #expect(times.count == 6 && times.allSatisfy(\.isFinite))
        #expect(abs(times[0] - 4500 * exp(0.72)) < 1)
        #expect(times[1] < times[2] && times[2] < times[3] && times[3] < times[4])
        #expect(forecast.risk(within: 300, at: 60) == 1)
        #expect(
            (forecast.recovers(within: 1800, at: 3600) ?? 0)
                > (forecast.recovers(within: 1800, at: 86400) ?? 1))
        #expect((forecast.recovery(at: 0) ?? 0).rounded() == 4500)
        #expect((forecast.recovery(share: 0.9, at: 0) ?? 0) > 4 * 4500)
    }

    @Test func `what was learned survives a file, and an incident that nobody watched is forgotten`() throws {
        var forecast = IncidentForecast()
        for day in 0..<20 {
            forecast.began(at: Double(day) * 86400)
            forecast.ended(at: Double(day) * 86400 + 600)
        }
        forecast.began(at: 20 * 86400)
        let data = try JSONEncoder().encode(forecast)
        var back = try JSONDecoder().decode(IncidentForecast.self, from: data)
        #expect(back == forecast && back.since != nil)
        back.resume(at: 25 * 86400)
        #expect(back.since == nil && back.length.median < 1500)
        #expect(back.rate(at: 0) > 2 * IncidentForecast().rate(at: 0))
        let broken = String(decoding: data, as: UTF8.self)
            .replacingOccurrences(of: "\"incidents\":[", with: "\"incidents\":[1,")
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(IncidentForecast.self, from: Data(broken.utf8))
        }
    }
}
