public import CoreMetrics
import Synchronization

/// Keeps what is counted and timed, and writes it in Prometheus' text format (version 0.0.4).
///
/// Counting and timing cost a few atomic additions. The number of series is bounded: beyond it, new ones are counted
/// but not kept.
public final class PrometheusRegistry: MetricsFactory {
    private enum Instrument {
        case counter(CounterSeries)
        case gauge(GaugeSeries)
        case histogram(HistogramSeries)

        var kind: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    private struct Key: Hashable {
        var name: String
        var labels: String
    }

    private static let maximumSeries = 20_000

    private let series = Mutex<[Key: Instrument]>([:])
    private let refused = Atomic(0)
    private let help: [String: String]

    /// Creates an empty registry.
    ///
    /// - Parameter help: What the metrics mean, by name.
    public init(help: [String: String]) {
        self.help = help
    }

    // MARK: Making instruments

    /// The counter of that name and labels.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        take(label, dimensions, { .counter(CounterSeries()) }) {
            if case .counter(let series) = $0 { series } else { nil }
        } ?? CounterSeries()
    }

    /// The timer of that name and labels.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        take(label, dimensions, { .histogram(HistogramSeries()) }) {
            if case .histogram(let series) = $0 { series } else { nil }
        } ?? HistogramSeries()
    }

    /// The gauge of that name and labels.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        take(label, dimensions, { .gauge(GaugeSeries()) }) {
            if case .gauge(let series) = $0 { series } else { nil }
        } ?? GaugeSeries()
    }

    /// The recorder of that name and labels.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool)
        -> any RecorderHandler
    {
        take(label, dimensions, { .gauge(GaugeSeries()) }) {
            if case .gauge(let series) = $0 { series } else { nil }
        } ?? GaugeSeries()
    }

    /// Does nothing: what was counted stays on the page.
    public func destroyCounter(_ handler: any CounterHandler) {}
    /// Does nothing: what was timed stays on the page.
    public func destroyTimer(_ handler: any TimerHandler) {}
    /// Does nothing: what was measured stays on the page.
    public func destroyMeter(_ handler: any MeterHandler) {}
    /// Does nothing: what was recorded stays on the page.
    public func destroyRecorder(_ handler: any RecorderHandler) {}

    private func take<Series>(
        _ name: String, _ dimensions: [(String, String)], _ make: () -> Instrument,
        _ unwrap: (Instrument) -> Series?
    ) -> Series? {
        let key = Key(name: name, labels: Self.labels(dimensions))
        return series.withLock { series in
            if let known = series[key] { return unwrap(known) }
            guard series.count < Self.maximumSeries else {
                refused.wrappingAdd(1, ordering: .relaxed)
                return nil
            }
            let instrument = make()
            series[key] = instrument
            return unwrap(instrument)
        }
    }

    // MARK: Exposition

    /// A value that is known only when it is asked for.
    public struct Sample: Sendable {
        /// The metric's name.
        public var name: String
        /// The labels by name.
        public var labels: [(String, String)]
        /// The value at the time of the question.
        public var value: Double

        /// Creates a sample.
        public init(_ name: String, _ labels: [(String, String)], _ value: Double) {
            self.name = name
            self.labels = labels
            self.value = value
        }
    }

    /// All metrics as text, and gauges that were read just now.
    public func text(_ samples: [Sample] = []) -> String {
        let known = series.withLock { $0 }
        var families: [String: (kind: String, lines: [String])] = [:]
        for (key, instrument) in known {
            families[key.name, default: (instrument.kind, [])].lines += lines(key, instrument)
        }
        for sample in samples + [
            Sample("holdfast_metric_series_refused", [], Double(refused.load(ordering: .relaxed)))
        ] {
            families[sample.name, default: ("gauge", [])].lines.append(
                "\(sample.name)\(Self.braced(Self.labels(sample.labels))) \(Self.number(sample.value))")
        }
        return families.sorted { $0.key < $1.key }.map { name, family in
            "# HELP \(name) \(help[name] ?? name)\n# TYPE \(name) \(family.kind)\n"
                + family.lines.sorted(by: Self.inOrder).joined(separator: "\n") + "\n"
        }.joined()
    }

    private func lines(_ key: Key, _ instrument: Instrument) -> [String] {
        switch instrument {
        case .counter(let series): ["\(key.name)\(Self.braced(key.labels)) \(series.value)"]
        case .gauge(let series): ["\(key.name)\(Self.braced(key.labels)) \(Self.number(series.value))"]
        case .histogram(let series): [series.text(key.name, key.labels)]
        }
    }

    /// Histograms are one text each, whose own order must stay.
    private static func inOrder(_ left: String, _ right: String) -> Bool { left < right }

    static func labels(_ dimensions: [(String, String)]) -> String {
        dimensions.map { name, value in
            let escaped = value.unicodeScalars.reduce(into: "") { text, scalar in
                switch scalar {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.unicodeScalars.append(scalar)
                }
            }
            return "\(name)=\"\(escaped)\""
        }.joined(separator: ",")
    }

    static func braced(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }

    static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}

/// A number that only grows.
final class CounterSeries: CounterHandler {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) {
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() {
        count.store(0, ordering: .relaxed)
    }
}

/// A number that goes up and down.
final class GaugeSeries: MeterHandler, RecorderHandler {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func increment(by amount: Double) { add(amount) }
    func decrement(by amount: Double) { add(-amount) }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    private func add(_ amount: Double) {
        var current = bits.load(ordering: .relaxed)
        while true {
            let next = (Double(bitPattern: current) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(
                expected: current, desired: next, ordering: .relaxed)
            if exchanged { return }
            current = original
        }
    }
}

/// Durations in buckets that grow by about 2.2 from 10 µs to 300 s.
final class HistogramSeries: TimerHandler {
    /// Upper bounds in nanoseconds.
    private static let bounds: [Int64] = [
        10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
        25_000_000, 50_000_000,
        100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
        30_000_000_000,
        60_000_000_000, 120_000_000_000, 300_000_000_000,
    ]

    private struct Counts {
        var buckets = [Int64](repeating: 0, count: HistogramSeries.bounds.count + 1)
        var sum: Double = 0
    }

    private let counts = Mutex(Counts())

    func recordNanoseconds(_ duration: Int64) {
        // The bounds are few; a search from below is fastest for what is short.
        let index = Self.bounds.firstIndex { duration <= $0 } ?? Self.bounds.count
        counts.withLock { counts in
            counts.buckets[index] += 1
            counts.sum += Double(duration) / 1e9
        }
    }

    func text(_ name: String, _ labels: String) -> String {
        let counts = counts.withLock { $0 }
        let comma = labels.isEmpty ? "" : ","
        var total: Int64 = 0, lines: [String] = []
        for (bound, count) in zip(
            Self.bounds.map { PrometheusRegistry.number(Double($0) / 1e9) } + ["+Inf"], counts.buckets)
        {
            total += count
            lines.append("\(name)_bucket{\(labels)\(comma)le=\"\(bound)\"} \(total)")
        }
        lines.append(
            "\(name)_sum\(PrometheusRegistry.braced(labels)) \(PrometheusRegistry.number(counts.sum))")
        lines.append("\(name)_count\(PrometheusRegistry.braced(labels)) \(total)")
        return lines.joined(separator: "\n")
    }
}
