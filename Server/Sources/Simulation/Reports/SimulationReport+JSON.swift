import JSON

extension SimulationReport {
    /// The report as JSON: `world`, `rows` and `summary`, always with the same keys in the same order, on one line.
    ///
    /// A figure that does not exist is `null`. In the summary each figure is an object of `mean`, `low` and `high`; the
    /// latter two, the ends of the 95 % interval, are `null` with fewer than 2 runs.
    public var json: String {
        Self.object([
            ("world", JSONEscapes.quoted(world)),
            ("rows", Self.list(rows.map(Self.json))),
            ("summary", Self.list(summary.map(Self.json))),
        ])
    }

    private static func json(_ row: SimulationRow) -> String {
        object(
            [
                ("policy", JSONEscapes.quoted(row.policy)), ("scenario", JSONEscapes.quoted(row.scenario)),
                ("seed", "\(row.seed)"),
            ]
                + SimulationFigure.allCases.map { ($0.rawValue, number(row[$0])) }
                + [("requests", "\(row.requests)"), ("recoveries", "\(row.recoveries)")])
    }

    private static func json(_ summary: SimulationSummary) -> String {
        object(
            [("policy", JSONEscapes.quoted(summary.policy)), ("rows", "\(summary.rows)")]
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
        "{" + members.map { "\(JSONEscapes.quoted($0.0)):\($0.1)" }.joined(separator: ",") + "}"
    }

    private static func list(_ values: [String]) -> String {
        "[" + values.joined(separator: ",") + "]"
    }

    private static func number(_ value: Double) -> String {
        value.isFinite ? "\(value)" : "null"
    }
}
