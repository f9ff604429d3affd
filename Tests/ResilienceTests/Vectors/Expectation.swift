/// What must be seen after a step.
struct Expectation {
    /// The keys that say how to compare, and are not compared.
    private static let directions: Set = ["after", "tolerance", "tolerance_ms"]
    /// The keys that give a lower or an upper bound; all others are exact.
    private static let least: Set = ["min_delay_ms", "cost_min_ms"]
    private static let most: Set = ["max_delay_ms", "cost_max_ms", "ejected_for_ms_max"]
    /// The keys that give both bounds.
    private static let ranges: Set = ["rejection_between", "cost_between_ms", "all_between"]

    /// What sources call by different names.
    private static let names: [[String]] = [
        ["circuit_open", "open"], ["probes_busy", "too_many_requests"], ["timed_out", "timeout"],
        ["rate_limited", "rate_limit_exceeded", "exceeded"], ["waited_too_long", "full", "timeout"],
        ["load", "error"], ["max", "max_duration"],
    ]

    let path: String
    /// The step that it follows.
    let step: Int
    private let wanted: [String: JSON]
    private let tolerance: Double

    init(_ json: JSON, _ path: String, steps: Int) throws {
        guard let number = json["after"]?.number, let step = Int(exactly: number),
            (0..<steps).contains(step)
        else { throw Unsupported("\(path).after: there is no such step") }
        self.path = path
        self.step = step
        wanted = (json.members ?? [:]).filter { !Self.directions.contains($0.key) }
        guard !wanted.isEmpty else { throw Unsupported("\(path): nothing is wanted") }
        tolerance = (json["tolerance"] ?? json["tolerance_ms"])?.number ?? 1e-9
    }

    /// How what was seen differs.
    func mismatches(with seen: [String: JSON]) -> [String] {
        wanted.sorted { $0.key < $1.key }.compactMap { key, wanted in
            let value = seen[key] ?? (wanted == .null ? .null : nil)
            if let value, holds(key, value, wanted) { return nil }
            return
                "\(path).\(key): after step \(step) it is \(value?.description ?? "unknown"), not \(wanted)"
        }
    }

    private func holds(_ key: String, _ value: JSON, _ wanted: JSON) -> Bool {
        if Self.ranges.contains(key) {
            guard let low = wanted.list?.first?.number, let high = wanted.list?.last?.number,
                wanted.list?.count == 2
            else { return false }
            let values = value.list ?? [value]
            return !values.isEmpty
                && values.allSatisfy {
                    $0.number.map { low - tolerance <= $0 && $0 <= high + tolerance } ?? false
                }
        }
        if let value = value.number, let wanted = wanted.number {
            if Self.least.contains(key) { return value >= wanted - tolerance }
            if Self.most.contains(key) { return value <= wanted + tolerance }
        }
        return equal(value, wanted)
    }

    private func equal(_ value: JSON, _ wanted: JSON) -> Bool {
        switch (value, wanted) {
        case (.number(let a), .number(let b)): abs(a - b) <= tolerance
        case (.list(let a), .list(let b)): a.count == b.count && zip(a, b).allSatisfy { equal($0, $1) }
        case (.object(let a), .object(let b)):
            b.allSatisfy { key, wanted in a[key].map { equal($0, wanted) } ?? false }
        case (.string(let a), .string(let b)):
            a == b || Self.names.contains { $0.contains(a) && $0.contains(b) }
        default: value == wanted
        }
    }
}
