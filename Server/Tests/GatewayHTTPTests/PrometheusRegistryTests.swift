import Metrics
import Testing

@testable import GatewayHTTP

@Suite struct PrometheusRegistryTests {
    @Test func `counters, gauges and histograms are written in the text format`() {
        let registry = PrometheusRegistry(help: ["requests_total": "Requests."])
        Counter(label: "requests_total", dimensions: [("route", "a\"b\\c\nd")], factory: registry).increment(
            by: 3)
        Counter(label: "requests_total", dimensions: [("route", "z")], factory: registry).increment()
        let timer = Timer(label: "duration_seconds", dimensions: [("route", "x")], factory: registry)
        timer.recordMilliseconds(3)
        timer.recordSeconds(1000)
        let lines = registry.text([.init("state", [("target", "t")], 1)]).split(separator: "\n").map(
            String.init)
        #expect(lines.contains("# HELP requests_total Requests."))
        #expect(lines.contains("# TYPE requests_total counter"))
        #expect(lines.contains(#"requests_total{route="a\"b\\c\nd"} 3"#))
        #expect(lines.contains(#"requests_total{route="z"} 1"#))
        #expect(lines.contains("# TYPE duration_seconds histogram"))
        #expect(lines.contains(#"duration_seconds_bucket{route="x",le="0.0025"} 0"#))
        #expect(lines.contains(#"duration_seconds_bucket{route="x",le="0.005"} 1"#))
        #expect(lines.contains(#"duration_seconds_bucket{route="x",le="+Inf"} 2"#))
        #expect(lines.contains(#"duration_seconds_count{route="x"} 2"#))
        #expect(lines.contains(#"state{target="t"} 1"#))
    }

    @Test func `the same name and labels are the same series`() {
        let registry = PrometheusRegistry(help: [:])
        for _ in 0..<3 { Counter(label: "c", dimensions: [("a", "b")], factory: registry).increment() }
        #expect(registry.text().contains(#"c{a="b"} 3"#))
    }

    @Test func `the number of series is bounded`() {
        let registry = PrometheusRegistry(help: [:])
        for index in 0..<20_100 {
            Counter(label: "c", dimensions: [("i", "\(index)")], factory: registry).increment()
        }
        #expect(registry.text().contains("holdfast_metric_series_refused 100"))
    }

    @Test(arguments: [
        (Int64(0), "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func `dates are written for HTTP`(seconds: Int64, text: String) {
        #expect(HTTPDate.text(seconds) == text)
    }
}
