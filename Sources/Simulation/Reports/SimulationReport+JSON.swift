extension SimulationReport {
    /// The report as JSON: `world`, `rows` and `summary`, always with the same keys in the same order, on one line.
    ///
    /// A figure that does not exist is `null`. In the summary each figure is an object of `mean`, `low` and `high`; the
    /// latter two, the ends of the 95 % interval, are `null` with fewer than 2 runs.
    public var json: String {
        Self.object([
            ("world", Self.text(world)),
            ("rows", Self.list(rows.map(Self.json))),
            ("summary", Self.list(summary.map(Self.json))),
        ])
    }

    private static func json(_ row: SimulationRow) -> String {
        object(
            [("policy", text(row.policy)), ("scenario", text(row.scenario)), ("seed", "\(row.seed)")]
                + SimulationFigure.allCases.map { ($0.rawValue, number(row[$0])) }
                + [("requests", "\(row.requests)"), ("recoveries", "\(row.recoveries)")])
    }

    private static func json(_ summary: SimulationSummary) -> String {
        object(
            [("policy", text(summary.policy)), ("rows", "\(summary.rows)")]
                + SimulationFigure.allCases.map { figure in
                    let mean = summary[figure]
                    return (
                        figure.rawValue,
                        object([
                            ("mean", number(mean.mean)), ("low", number(mean.low)),
                            ("high", number(mean.high)),
                        ])
                    )
                }
                + [("requests", "\(summary.requests)"), ("recoveries", "\(summary.recoveries)")])
    }

    private static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { "\(text($0.0)):\($0.1)" }.joined(separator: ",") + "}"
    }

    private static func list(_ values: [String]) -> String {
        "[" + values.joined(separator: ",") + "]"
    }

    private static func number(_ value: Double) -> String {
        value.isFinite ? "\(value)" : "null"
    }

    private static func text(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
