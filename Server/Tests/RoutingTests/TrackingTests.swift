import Foundation
import Resilience
import Testing

@testable import Routing

@Suite struct TrackingTests {
    private typealias Outcome = PerformanceTracker.Outcome

    /// Ten requests a minute for some minutes.
    private func fill(
        _ tracker: inout PerformanceTracker, minutes: Range<Int>, failing: Double = 0, time: Double = 2,
        isLong: Bool = false
    ) {
        for minute in minutes {
            for index in 0..<10 {
                let failed = Double(index) < 10 * failing
                tracker.note(
                    failed ? Outcome(failure: 3) : Outcome(firstToken: time / 4, total: time, cost: 0.01),
                    isLong: isLong, at: Double(minute) * 60 + Double(index))
            }
        }
    }

    @Test func `requests are counted by class, with their tokens, cost and what users say`() throws {
        var tracker = PerformanceTracker()
        tracker.note(
            Outcome(firstToken: 0.5, total: 4, inputTokens: 100, outputTokens: 50, cost: 0.02), isLong: false,
            at: 10)
        tracker.note(Outcome(failure: 2, inputTokens: 7), isLong: false, at: 11)
        tracker.note(Outcome(failure: 99, cost: 0.02), isLong: true, at: 12)
        tracker.note(score: 8, isLong: false, at: 13)
        tracker.note(score: 99, isLong: true, at: 13)
        let report = tracker.report(.hour, at: 20)
        #expect((report.all.requests, report.all.successes) == (3, 1))
        #expect((report.short.requests, report.long.requests) == (2, 1))
        #expect(report.short.failures[2] == 1 && report.long.failures[15] == 1)
        #expect((report.all.inputTokens, report.all.outputTokens) == (107, 50))
        #expect(report.all.cost == 0.04 && report.all.successesPerDollar == 25)
        #expect(
            report.short.satisfaction == 8 && report.long.satisfaction == 10 && report.all.satisfaction == 9)
        #expect(report.all.scores == 2 && report.short.errorRate == 0.5)
        #expect(abs(try #require(report.short.total).p50 / 4 - 1) < 0.05)
        #expect(report.long.total == nil && report.long.successRate == 0)
    }

    @Test func `windows end where they say`() {
        var tracker = PerformanceTracker()
        fill(&tracker, minutes: 0..<5)
        for window in TrackingWindow.allCases {
            let step = window.seconds / 12
            #expect(tracker.report(window, at: window.seconds - step - 1).all.requests == 50)
            #expect(tracker.report(window, at: window.seconds + step).all.requests == 0)
        }
        // What is overwritten is gone, what is late is not taken for new.
        tracker.note(Outcome(), isLong: false, at: 3600 + 30)
        tracker.note(Outcome(), isLong: false, at: 30)
        #expect(tracker.report(.hour, at: 3640).all.requests == 1)
    }

    @Test func `uptime is the share of minutes with requests that went well`() {
        var tracker = PerformanceTracker()
        fill(&tracker, minutes: 0..<6)
        fill(&tracker, minutes: 6..<8, failing: 0.5)
        fill(&tracker, minutes: 20..<22, failing: 0.4)
        #expect(tracker.report(.hour, at: 1800).all.uptime == 0.8)
        fill(&tracker, minutes: 6..<8, isLong: true)
        let report = tracker.report(.hour, at: 1800)
        #expect(report.all.uptime == 1 && report.short.uptime == 0.8 && report.long.uptime == 1)
        #expect(PerformanceTracker().report(.day, at: 0).all.uptime == nil)
    }

    @Test(arguments: [
        (0.0, 0.2, 2.0, 2.0, Trend.declining), (0.3, 0, 2, 2, .improving), (0.1, 0.1, 2, 2, .stable),
        (0, 0, 2, 3, .declining), (0, 0, 3, 2, .improving), (0, 0, 2, 2.2, .stable),
        (0, 0.2, 3, 2, .declining),
    ])
    func `the trend compares the halves of a window`(
        failing: Double, later: Double, time: Double, laterTime: Double, trend: Trend
    ) {
        var tracker = PerformanceTracker()
        fill(&tracker, minutes: 0..<30, failing: failing, time: time)
        fill(&tracker, minutes: 30..<60, failing: later, time: laterTime)
        #expect(tracker.report(.hour, at: 3599).all.trend == trend)
    }

    @Test func `a few requests make no trend, and neither does another mix of requests`() {
        var few = PerformanceTracker()
        fill(&few, minutes: 0..<2)
        fill(&few, minutes: 58..<60, failing: 1)
        #expect(few.report(.hour, at: 3599).all.trend == .stable)
        var mixed = PerformanceTracker()
        for (range, times) in [(0..<30, (5, 1)), (30..<60, (1, 5))] {
            for _ in 0..<times.0 { fill(&mixed, minutes: range) }
            for _ in 0..<times.1 { fill(&mixed, minutes: range, failing: 0.3, time: 6, isLong: true) }
        }
        #expect(mixed.report(.hour, at: 3599).all.trend == .stable)
    }

    @Test func `a trend is seen by chance in fewer than 5 of 100 steady windows`() {
        var chance = Chance(seed: 11), wrong = 0
        for _ in 0..<100 {
            var halves = [Trend.Half(), Trend.Half()]
            for index in 0..<400 {
                halves[index % 2].requests += 1
                guard chance.unit() < 0.9 else { continue }
                halves[index % 2].successes += 1
                halves[index % 2].total.note(exp(chance.normal()))
            }
            if Trend(from: halves[0], to: halves[1]) != .stable { wrong += 1 }
        }
        print("tracker: trends by chance in 100:", wrong)
        #expect(wrong < 5)
    }

    @Test(arguments: [(0, 10, 0.0), (10, 10, 0.7225), (95, 100, 0.8882), (990, 1000, 0.9817)])
    func `reliability is the lower end of Wilson's interval`(good: Int, of count: Int, expected: Double) {
        var tracker = PerformanceTracker()
        for index in 0..<count {
            tracker.note(Outcome(failure: index < good ? nil : 0), isLong: false, at: 1)
        }
        #expect(abs(tracker.report(.hour, at: 1).all.reliability - expected) < 0.0005)
        #expect(PerformanceTracker().report(.hour, at: 1).all.reliability == 0)
    }

    @Test func `memory stays bounded, and a snapshot brings all back but what has aged`() throws {
        var tracker = PerformanceTracker(), worst = PerformanceTracker(), chance = Chance(seed: 2)
        for index in 0..<6000 {
            let at = Double(index) * 600
            let first = 0.6 * exp(0.5 * chance.normal())
            tracker.note(
                Outcome(firstToken: first, total: 4 * first), isLong: index % 5 == 0, at: at)
        }
        for window in TrackingWindow.allCases {
            let end = 40 * 86400 - window.seconds
            for mark in 0..<2 * window.marks {
                let at = end + Double(mark) * window.seconds / Double(window.marks)
                for time in [0.001, 5000] {
                    for isLong in [false, true] {
                        worst.note(Outcome(firstToken: time, total: time), isLong: isLong, at: at)
                    }
                }
            }
        }
        print("tracker: bytes", tracker.bytes, "usual,", worst.bytes, "at most")
        #expect(worst.bytes <= 175_000 && tracker.bytes < worst.bytes)

        let now = 6000.0 * 600, data = try JSONEncoder().encode(tracker.snapshot(at: now))
        let snapshot = try JSONDecoder().decode(PerformanceTracker.Snapshot.self, from: data)
        #expect(snapshot.moment == now)
        let same = PerformanceTracker(restoring: snapshot, offset: 0, at: now)
        for window in TrackingWindow.allCases {
            #expect(same.report(window, at: now) == tracker.report(window, at: now))
        }
        // A new clock that began at zero, two hours later.
        let aged = PerformanceTracker(restoring: snapshot, offset: 7200 - now, at: 14400)
        #expect(aged.report(.hour, at: 14400).all.requests == 0)
        let six = Double(aged.report(.sixHours, at: 14400).all.requests)
        #expect((18...27).contains(six), "\(six) of the last four hours")
        #expect(PerformanceTracker(restoring: snapshot, offset: 1e9, at: 0) == PerformanceTracker())
        #expect(PerformanceTracker(restoring: snapshot, offset: .nan, at: now) == PerformanceTracker())
        var old = snapshot
        old.version = 0
        #expect(PerformanceTracker(restoring: old, offset: 0, at: now) == PerformanceTracker())
    }

    @Test func `numbers that are none do no harm`() {
        var tracker = PerformanceTracker()
        tracker.note(
            Outcome(failure: -5, firstToken: .nan, total: .infinity, inputTokens: -1, cost: .nan),
            isLong: true,
            at: .infinity)
        tracker.note(score: .nan, isLong: true, at: -.infinity)
        let figures = tracker.report(.month, at: .infinity).all
        #expect(figures.requests == 1 && figures.failures[0] == 1 && figures.cost == 0 && figures.scores == 0)
        #expect(figures.firstToken == nil && figures.inputTokens == 0)
        #expect(tracker.report(.month, at: .nan).all.requests == 0)
    }
}

@Suite struct TrackingSketchTests {
    private static func times(_ seed: UInt64, _ count: Int) -> [Double] {
        var chance = Chance(seed: seed)
        return (0..<count).map { _ in 0.8 * exp(chance.normal()) }
    }

    @Test(arguments: [0.0, 0.1, 0.5, 0.9, 0.99, 1]) func `quantiles are off by less than 5 %`(share: Double)
        throws
    {
        let times = Self.times(1, 3000)
        var sketch = LatencySketch()
        for time in times { sketch.note(time) }
        let exact = times.sorted()[Int(share * 2999)]
        #expect(abs(try #require(sketch.quantile(share)) / exact - 1) < 0.048)
    }

    @Test func `two sketches together are the sketch of both`() {
        var one = LatencySketch(), other = LatencySketch(), both = LatencySketch()
        for time in Self.times(2, 500) {
            one.note(time)
            both.note(time)
        }
        for time in Self.times(3, 500) + [0.0001, 9999] {
            other.note(time)
            both.note(time)
        }
        one.merge(other)
        #expect(one == both && one.count == 1002)
        one.merge(LatencySketch())
        #expect(one == both && LatencySketch().quantile(0.5) == nil)
        // 544, and what the allocator gives beyond that.
        #expect(one.bytes <= 576)
    }

    @Test(arguments: [
        #"{"first":-8,"counts":[1]}"#, #"{"first":120,"counts":[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}"#,
    ])
    func `buckets that cannot be are refused`(text: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(LatencySketch.self, from: Data(text.utf8))
        }
    }
}
