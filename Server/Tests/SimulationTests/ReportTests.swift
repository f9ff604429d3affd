import Foundation
import Testing

@testable import Simulation

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Rows with the figures that a test needs.
private func row(
    _ policy: String, _ scenario: String = "s01", seed: UInt64 = 1000, recoveries: Int = 0,
    _ figures: [SimulationFigure: Double] = [:]
) -> SimulationRow {
    var row = SimulationRow(
        policy: policy, scenario: scenario, seed: seed, requests: 7200, recoveries: recoveries)
    for (figure, value) in figures { row[figure] = value }
    return row
}

private func row(_ policy: String, _ figures: [SimulationFigure: Double]) -> SimulationRow {
    row(policy, "s01", figures)
}

private func isClose(_ value: Double?, _ other: Double, by: Double = 1e-5) -> Bool {
    abs((value ?? .nan) - other) <= by
}

struct SimulationSummaryTests {
    private func summary(_ values: [Double], of figure: SimulationFigure = .success) -> SimulationMean? {
        let rows = values.enumerated().map { row("a", seed: UInt64($0.offset), [figure: $0.element]) }
        return SimulationReport(world: "w", rows: rows).summary.first?[figure]
    }

    @Test func `three runs get Student's interval with two degrees of freedom`() {
        let mean = summary([0.90, 0.94, 0.98])
        #expect(isClose(mean?.mean, 0.94))
        #expect(isClose(mean?.low, 0.840_626))
        #expect(isClose(mean?.high, 1.039_374))
    }

    @Test(arguments: [(30, 14.5, 3.286_878), (31, 15, 3.200_667)])
    func `the interval is Student's up to 30 runs and the normal one above`(
        count: Int, center: Double, margin: Double
    ) {
        let mean = summary((0..<count).map(Double.init))
        #expect(isClose(mean?.mean, center))
        #expect(isClose(mean?.margin, margin))
    }

    @Test func `one run has a mean and no interval`() {
        let mean = summary([0.9])
        #expect(mean?.mean == 0.9)
        #expect(mean?.low.isNaN == true && mean?.high.isNaN == true)
    }

    @Test func `a figure that does not exist in a run does not count`() {
        let mean = summary([1, .nan, 3], of: .failoverP99)
        #expect(mean?.mean == 2)
        #expect(mean?.count == 2)
        #expect(summary([.nan, .nan], of: .failoverP99)?.mean.isNaN == true)
    }

    @Test func `recovered pools the requests of all runs`() {
        let rows = [
            row("a", seed: 1, recoveries: 10, [.recovered: 0.5]),
            row("a", seed: 2, recoveries: 90, [.recovered: 1]),
            row("a", seed: 3, recoveries: 0),
        ]
        let summary = SimulationReport(world: "w", rows: rows).summary[0]
        #expect(isClose(summary[.recovered].mean, 0.95))
        #expect(isClose(summary[.recovered].margin, 1.143_54))
        #expect(summary.recoveries == 100)
    }

    @Test func `per cent of the oracle divides the mean utilities`() {
        let rows = [
            row("a", seed: 1, [.utility: 1, .percentOfOracle: 50]),
            row("a", seed: 2, [.utility: 3, .percentOfOracle: 100]),
        ]
        let mean = SimulationReport(world: "w", rows: rows).summary[0][.percentOfOracle]
        #expect(isClose(mean.mean, 80))
        #expect(isClose(mean.margin, 304.944, by: 1e-3))
    }

    @Test func `a run without any utility counts against the oracle's of the same world`() {
        let rows = [
            row("oracle", [.utility: 4, .percentOfOracle: 100]),
            row("a", [.utility: 0, .percentOfOracle: 0]),
            row("a", seed: 1001, [.utility: 4, .percentOfOracle: 100]),
        ]
        #expect(isClose(SimulationReport(world: "w", rows: rows).summary[1][.percentOfOracle].mean, 50))
    }

    @Test func `each policy and each scenario has its own summary, in the order of the rows`() {
        let rows = [
            row("b", "s02", [.quality: 1]), row("a", "s02", [.quality: 2]), row("b", "s01", [.quality: 5]),
        ]
        let report = SimulationReport(world: "w", rows: rows)
        #expect(report.summary.map(\.policy) == ["b", "a"])
        #expect(report.scenarios == ["s02", "s01"])
        #expect(report.summary[0][.quality].mean == 3)
        #expect(report.summary(of: "s01").map { $0[.quality].mean } == [5])
    }
}

struct SimulationJSONTests {
    private struct Document: Decodable {
        let world: String
        let rows: [SimulationRow]
    }

    @Test func `figures that do not exist are null, in keys of one order`() {
        let rows = [row("a\"\\\u{1}", [.success: 0.5, .latencyMean: .infinity])]
        let begin = #"""
            {"world":"w.json","rows":[{"policy":"a\"\\\u0001","scenario":"s01","seed":1000,\#
            "success":0.5,"first_try":null,"cost_per_1000":null,"latency_mean":null,\#
            "latency_p50":null,"latency_p95":null,"latency_p99":null,"recovered":null,\#
            "failover_under_5s":null,"failover_p99":null,"amplification":null,\#
            "rate_limited":null,"hedged":null,"quality":null,"utility":null,\#
            "percent_of_oracle":null,"requests":7200,"recoveries":0}],\#
            "summary":[{"policy":"a\"\\\u0001","rows":1,"success":{"mean":0.5,"low":null,"high":null},\#
            "first_try":{"mean":null,"low":null,"high":null}
            """#
        #expect(SimulationReport(world: "w.json", rows: rows).json.hasPrefix(begin))
    }

    @Test func `the document is read back as it was written, and by a row's own coding as well`() throws {
        var full = row("a", recoveries: 3)
        for (index, figure) in SimulationFigure.allCases.enumerated() {
            full[figure] = 1 / Double(index + 3) * (index % 2 == 0 ? 1e-7 : 1e17)
        }
        let holes = row("é\n", [.utility: -0.25])
        let json = SimulationReport(world: "w", rows: [full, holes]).json
        let document = try JSONDecoder().decode(Document.self, from: Data(json.utf8))
        #expect(document.rows[0] == full)
        #expect(document.rows[1].policy == "é\n")
        #expect(document.rows[1].percentOfOracle == nil)
        #expect(document.rows[1].failoverP99.isNaN)
        let encoded = try JSONEncoder().encode(holes)
        #expect(String(decoding: encoded, as: UTF8.self).contains("\"failover_p99\":null"))
        #expect(try JSONDecoder().decode(SimulationRow.self, from: encoded).utility == -0.25)
    }
}

struct SimulationTableTests {
    private static let huge: [SimulationFigure: Double] = Dictionary(
        uniqueKeysWithValues: SimulationFigure.allCases.map { ($0, -123_456_789.123) })

    private static func line(of policy: String, in table: String) -> [Substring] {
        table.split(separator: "\n").first { $0.contains("  \(policy) ") }?.split(separator: " ") ?? []
    }

    @Test(arguments: [40, 60, 80, 120])
    func `no line is wider than the terminal, whatever names and numbers there are`(columns: Int) {
        let name = String(repeating: "ü long name\n", count: 40)
        let rows = [row(name, name, Self.huge), row("b", name, seed: 2, Self.huge), row("b", "s02")]
        let table = SimulationReport(world: name, rows: rows).table(verbose: true, columns: columns)
        for line in table.split(separator: "\n") {
            #expect(line.utf8.count <= max(60, columns), "\(line)")
            #expect(line.utf8.allSatisfy { (0x20..<0x7F).contains($0) }, "\(line)")
        }
    }

    @Test func `usual figures all fit 120 columns but the median and the hedges`() {
        let usual: [SimulationFigure: Double] = [
            .success: 0.9999, .firstTry: 0.979, .costPerThousand: 12.34, .latencyMean: 2.04, .latencyP50: 1.8,
            .latencyP95: 5.21, .latencyP99: 12.55, .recovered: 0.996, .failoverUnderFiveSeconds: 0.999,
            .failoverP99: 2.31, .amplification: 1.035, .rateLimited: 0.0004, .hedged: 0.012, .quality: 8.75,
            .utility: 0.871, .percentOfOracle: 99.1,
        ]
        let names = ["adaptive", "litellm_shuffle", "oracle_bid"]
        let table = SimulationReport(world: "stress.json", rows: names.map { row($0, usual) }).table()
        let left = table.split(separator: "\n").filter { $0.contains("no room") }
        #expect(left.isEmpty || left == ["  no room for: p50; hedge"], "\(table)")
    }

    @Test func `heads, units and values stand in the same columns`() {
        let table = SimulationReport(
            world: "w", rows: [row("adaptive", [.success: 0.5]), row("x", [.success: 0.999])]
        ).table()
        let lines = table.split(separator: "\n").map(Array.init)
        let end = String(lines[1]).range(of: "success").map { String(lines[1])[..<$0.upperBound].count } ?? 0
        #expect(lines[2][end - 1] == "%")
        #expect(String(lines[4][..<end]).hasSuffix("   50.00"))
        #expect(String(lines[5][..<(end + 1)]).hasSuffix("   99.90*"))
    }

    @Test func `the best values are marked among those that are no oracles`() {
        let report = SimulationReport(
            world: "w",
            rows: [
                row("oracle_bid", [.success: 1, .firstTry: 0.9, .costPerThousand: 1]),
                row("a", [.success: 0.98, .firstTry: 0.9, .costPerThousand: 3]),
                row("b", [.success: 0.97, .firstTry: 0.8, .costPerThousand: 2]),
            ])
        let table = report.table()
        #expect(Self.line(of: "oracle_bid", in: table)[1...2] == ["100.00", "90.0"])
        #expect(Self.line(of: "a", in: table)[1...2] == ["98.00*", "90.0*"])
        #expect(Self.line(of: "a", in: table)[3] == "3.00")
        #expect(Self.line(of: "b", in: table)[1] == "97.00")
        #expect(Self.line(of: "b", in: table)[3] == "2.00*")
    }

    @Test func `nothing is marked where all values look alike`() {
        let rows = [row("a", [.success: 0.999_991]), row("b", [.success: 0.999_992])]
        let table = SimulationReport(world: "w", rows: rows).table()
        #expect(Self.line(of: "a", in: table)[1] == "100.00")
        #expect(Self.line(of: "b", in: table)[1] == "100.00")
    }

    @Test func `each scenario has a table when asked for`() {
        let report = SimulationReport(world: "w", rows: [row("a", "dawn"), row("a", "dusk")])
        #expect(!report.table().contains("dawn"))
        #expect(
            report.table(verbose: true).contains("\ndawn\n")
                && report.table(verbose: true).contains("\ndusk\n"))
    }
}

struct ProgressBarTests {
    @Test(arguments: [-5, 0, 40, 79, 80, 500])
    func `a line never has more than 80 columns and always the same number`(columns: Int) {
        let bar = ProgressBar(columns: columns)
        let times: [Duration] = [.seconds(-1), .zero, .milliseconds(1), .seconds(3600), .seconds(1e18)]
        for (done, total) in [(0, 0), (0, 10), (1, Int.max), (Int.max, Int.max), (7, 3), (-3, -1), (5, 10)] {
            for elapsed in times {
                let line = bar.line(done: done, total: total, elapsed: elapsed)
                #expect(line.first == "\r")
                #expect(line.utf8.count == bar.columns + 1 && bar.columns <= 80, "\(line)")
            }
        }
    }

    @Test func `the time left is what the rest takes at the same pace`() {
        let line = ProgressBar().line(done: 25, total: 100, elapsed: .seconds(50))
        #expect(line.hasSuffix("  25 %  0:50 gone, 2:30 left"), "\(line)")
        let filled = line.count { $0 == "#" }
        let empty = line.count { $0 == "." }
        #expect(filled == (filled + empty) / 4 && filled > 5)
        #expect(ProgressBar().line(done: 0, total: 9, elapsed: .seconds(1)).hasSuffix("-:-- left"))
        #expect(
            ProgressBar().line(done: 9, total: 9, elapsed: .seconds(4000)).hasSuffix(
                "100 %  1:06:40 gone, 0:00 left"))
    }
}

struct SimulationTimelineTests {
    @Test(arguments: [-1, 0, 0.5, 1, 200, 201, 1800, 604_800, 1e9, 1e300, .infinity, .nan])
    func `the number of stretches is bounded, and they cover the whole time`(duration: Double) {
        let timeline = SimulationTimeline(policy: "a", scenario: "s", duration: duration)
        #expect((1...SimulationTimeline.mostBins).contains(timeline.requests.count))
        #expect(SimulationTimeline.mostBins <= 400)
        #expect(timeline.binSeconds > 0)
        if duration.isFinite {
            #expect(Double(timeline.requests.count) * timeline.binSeconds >= duration * 0.999_999)
        }
    }

    @Test func `a request counts where it arrived, at the nearer end if that is outside`() {
        var timeline = SimulationTimeline(policy: "a", scenario: "s", duration: 1800)
        timeline.note(at: 25, latency: 2, succeeded: true)
        timeline.note(at: 29.9, latency: 4, succeeded: true)
        timeline.note(at: 20, latency: 30, succeeded: false)
        timeline.note(at: -5, latency: 1, succeeded: true)
        timeline.note(at: 1e300, latency: 1, succeeded: true)
        timeline.note(at: .nan, latency: 1, succeeded: true)
        timeline.note(at: 0, latency: .nan, succeeded: true)
        #expect(timeline.binSeconds == 10)
        #expect(timeline.requests[2] == 3 && timeline.successes[2] == 2 && timeline.latencySum[2] == 6)
        #expect(timeline.requests[0] == 2 && timeline.latencySum[0] == 1)
        #expect(timeline.requests.last == 1)
        #expect(timeline.requests.reduce(0, +) == 6)
    }

    @Test func `another run is added at the same times`() {
        var one = SimulationTimeline(policy: "a", scenario: "s", duration: 100)
        var other = SimulationTimeline(policy: "a", scenario: "s", duration: 1800)
        one.note(at: 15, latency: 1, succeeded: true)
        other.note(at: 15, latency: 3, succeeded: true)
        one.add(one)
        one.add(other)
        #expect(one.requests[15] == 3 && one.latencySum[15] == 5)
    }
}

struct SimulationPageTests {
    /// Remembers which elements a document has; stops at the first mistake.
    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [String] = []
        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
            qualifiedName: String?, attributes: [String: String]
        ) { elements.append(name) }
    }

    private static func drawings(in page: String) -> [Substring] {
        page.matches(of: #/(?s)<svg.*?</svg>/#).map(\.output)
    }

    private static func report(scenarios: Int, policies: Int, name: String = "") -> SimulationReport {
        var report = SimulationReport(world: "world\(name)", rows: [])
        for scenario in (0..<scenarios).map({ "scenario\($0)\(name)" }) {
            report.incidents[scenario] = (0..<8).map {
                SimulationReport.Incident(
                    start: Double($0) * 200, end: Double($0) * 200 + 90, providers: ["p1\(name)", "p2"],
                    label: "outage \($0)\(name)")
            }
            for (index, policy) in (0..<policies).map({ "policy\($0)\(name)" }).enumerated() {
                report.rows.append(
                    row(
                        policy, scenario,
                        [
                            .success: 0.99, .latencyMean: 2 + Double(index),
                            .costPerThousand: 9 - Double(index),
                        ]))
                var timeline = SimulationTimeline(policy: policy, scenario: scenario, duration: 1999)
                for step in 0..<4000 where step % 700 > 20 {
                    let latency = 2 + 1.5 * sin(Double(step * (index + 3)))
                    timeline.note(at: Double(step) / 2, latency: latency, succeeded: step % (17 + index) != 0)
                }
                report.timelines.append(timeline)
            }
        }
        return report
    }

    @Test func `names cannot become markup`() {
        let page = Self.report(scenarios: 1, policies: 2, name: "<i>\"&'\u{7}").html
        #expect(!page.contains("<i>"))
        #expect(!page.contains("\u{7}"))
        for name in ["world", "scenario0", "policy0", "p1", "outage 0"] {
            #expect(page.contains("\(name)&lt;i&gt;&quot;&amp;&#39;?"), "\(name)")
        }
    }

    @Test func `drawings are well-formed and say what they show`() {
        let drawings = Self.drawings(in: Self.report(scenarios: 2, policies: 7, name: "<&\">").html)
        #expect(drawings.count == 5)
        for drawing in drawings {
            let parser = XMLParser(data: Data(drawing.utf8))
            let reader = Reader()
            parser.delegate = reader
            #expect(parser.parse(), "\(drawing.prefix(300))")
            #expect(reader.elements.prefix(3) == ["svg", "title", "desc"])
        }
    }

    @Test func `six policies are drawn, with each incident as a band`() {
        let drawings = Self.drawings(in: Self.report(scenarios: 1, policies: 8).html)
        for drawing in drawings.dropFirst() {
            #expect(drawing.matches(of: #/<path class="l l[0-9]" d="M[0-9. ]+L[^"]{300}/#).count == 6)
            #expect(drawing.matches(of: #/<rect class="i"/#).count == 8)
            #expect(drawing.contains(">outage 0: p1, p2</text>"))
        }
    }

    @Test func `a line has gaps where nothing arrived, and a dot for a stretch between two gaps`() {
        var timeline = SimulationTimeline(policy: "a", scenario: "s01", duration: 100)
        for second in [3.0, 4, 5, 20, 40, 41] { timeline.note(at: second, latency: 1, succeeded: true) }
        let page = SimulationReport(world: "w", rows: [row("a")], timelines: [timeline]).html
        let point = #"[0-9.]+ [0-9.]+"#
        let path = "d=\"M\(point)L\(point)L\(point)M\(point)h.1M\(point)L\(point)\""
        #expect(page.range(of: path, options: .regularExpression) != nil)
    }

    @Test func `the page needs nothing else and stays small`() {
        let page = Self.report(scenarios: 30, policies: 6).html
        #expect(page.utf8.count < 3_000_000, "\(page.utf8.count)")
        #expect(!page.contains("<script") && !page.contains(" src=") && !page.contains("url("))
        let links = page.replacing("http://www.w3.org/2000/svg", with: "")
        #expect(!links.contains("http"))
    }

    @Test func `a report without anything to show is still a page`() {
        let empty = SimulationReport(world: "w", rows: [])
        #expect(empty.html.contains("</html>") && empty.json == #"{"world":"w","rows":[],"summary":[]}"#)
        #expect(!empty.table(verbose: true).isEmpty)
        #expect(!SimulationReport(world: "w", rows: [row("a")]).html.contains("nan"))
    }

    @Test func `the front holds whom no other policy beats at both figures`() {
        let points: [(String, Double, Double)] = [
            ("fast", 1, 9), ("also fast", 1, 10), ("beaten", 3, 6), ("middle", 2, 5), ("cheap", 4, 1),
            ("oracle", 0.5, 0.5), ("no successes", .nan, .nan),
        ]
        let plot = FrontPlot(
            points.map { .init(policy: $0.0, latency: $0.1, cost: $0.2, isOracle: $0.0 == "oracle") })
        #expect(plot.front.map(\.policy) == ["fast", "middle", "cheap"])
    }

    @Test(arguments: [
        (0.0, 7.0, ["0", "2", "4", "6"]), (0.98, 1.0, ["0.980", "0.985", "0.990", "0.995", "1.000"]),
    ])
    func `an axis has round numbers within its range`(low: Double, high: Double, texts: [String]) {
        #expect(PlotAxis(low, high, from: 0, to: 100, unit: "").ticks(4).map(\.text) == texts)
    }
}
