/// Durations as people write them in a configuration.
enum DurationText {
    private static let units: [(name: String, milliseconds: Double)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000),
    ]

    /// Reads `250ms`, `2s`, `1.5s`, `1m30s` or `1h`; nil for anything else.
    static func parse(_ text: String) -> Duration? {
        var rest = text[...], total = 0.0
        guard !rest.isEmpty, rest.utf8.count <= 32 else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let number = Double(digits), let unit = units.first(where: { $0.name == name }) else {
                return nil
            }
            total += number * unit.milliseconds
        }
        guard total <= 1e12 else { return nil }
        return .nanoseconds(Int64((total * 1_000_000).rounded()))
    }

    /// The shortest way to write a duration.
    static func show(_ duration: Duration) -> String {
        let milliseconds = Int64((duration / .milliseconds(1)).rounded())
        if milliseconds % 3_600_000 == 0, milliseconds > 0 { return "\(milliseconds / 3_600_000)h" }
        if milliseconds % 60_000 == 0, milliseconds > 0 { return "\(milliseconds / 60_000)m" }
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }
}
