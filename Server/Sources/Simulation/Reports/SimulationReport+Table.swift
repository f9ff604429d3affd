extension SimulationReport {
    /// The report for a terminal, in plain ASCII: what all runs together say about each policy.
    ///
    /// A `*` marks the best value of a column among the policies that are no oracles. Figures that find no place in the
    /// width are left out, the least important first, and named below.
    ///
    /// - Parameters:
    ///   - verbose: Whether the margins of the 95 % intervals and a table for each scenario follow.
    ///   - columns: The terminal's width. Range: 60 or more. Default: 120.
    public func table(verbose: Bool = false, columns: Int = 120) -> String {
        let all = summary
        let columns = max(60, columns)
        let width = columns - 2
        var parts = [table(of: all, title: "\(world): \(runs)", width: width, margins: false)]
        if verbose {
            parts.append(
                table(of: all, title: "margins (+/-), \(SimulationMean.method)", width: width, margins: true))
            for scenario in scenarios {
                parts.append(table(of: summary(of: scenario), title: scenario, width: width, margins: false))
            }
        }
        let meanings = SimulationFigure.allCases.map { "\($0.look.head): \($0.look.meaning)" }
        let notes = ["*: best, oracles aside", "-: does not exist"] + meanings
        return (parts + [Self.wrapped(notes, columns: columns)]).joined(separator: "\n\n") + "\n"
    }

    /// How many runs there are, in words.
    var runs: String {
        func words(_ count: Int, _ one: String, _ more: String) -> String {
            "\(count) \(count == 1 ? one : more)"
        }
        let seeds = Set(rows.lazy.map(\.seed)).count
        return [
            words(policies.count, "policy", "policies"), words(scenarios.count, "scenario", "scenarios"),
            words(seeds, "seed", "seeds"),
        ].joined(separator: ", ")
    }

    private func table(of all: [SimulationSummary], title: String, width: Int, margins: Bool) -> String {
        let best = margins ? [:] : best(of: all)
        let names = all.map { Self.ascii($0.policy, at: Self.widestName) }
        let nameWidth = (names.map(\.utf8.count) + [6]).max() ?? 6
        var columns = SimulationFigure.allCases.map { figure in
            (
                figure: figure,
                cells: all.map { summary in
                    let mean = summary[figure]
                    let text = figure.shown(margins ? mean.margin : mean.mean)
                    return text + (text == best[figure] && !oracles.contains(summary.policy) ? "*" : " ")
                }
            )
        }
        func columnWidth(_ column: (figure: SimulationFigure, cells: [String])) -> Int {
            (column.cells.map(\.utf8.count) + [column.figure.look.head.utf8.count + 1]).max() ?? 0
        }
        var dropped: [SimulationFigure] = []
        for figure in Self.leastImportant
        where nameWidth + columns.reduce(0, { $0 + 1 + columnWidth($1) }) > width {
            columns.removeAll { $0.figure == figure }
            dropped.append(figure)
        }
        let widths = columns.map(columnWidth)
        func line(_ name: String, _ cells: [String]) -> String {
            let padded = zip(cells, widths).map { " " + Self.padded($0, to: $1, right: true) }
            return Self.trimmed("  " + Self.padded(name, to: nameWidth, right: false) + padded.joined())
        }
        var lines = [Self.ascii(title, at: width + 2)]
        lines.append(line("policy", columns.map { $0.figure.look.head + " " }))
        lines.append(line("", columns.map { $0.figure.look.unit + " " }))
        lines.append("  " + String(repeating: "-", count: nameWidth + widths.reduce(0) { $0 + 1 + $1 }))
        for (index, name) in names.enumerated() {
            lines.append(line(name, columns.map { $0.cells[index] }))
        }
        if let first = dropped.first {
            let others = dropped.dropFirst().map(\.look.head)
            lines.append(Self.wrapped(["  no room for: \(first.look.head)"] + others, columns: width))
        }
        return lines.joined(separator: "\n")
    }

    /// The most columns that a policy's name gets.
    private static let widestName = 24

    /// What a table goes without when its lines are too long, in this order. The others always fit 60 columns.
    private static let leastImportant: [SimulationFigure] = [
        .latencyP50, .hedged, .failoverUnderFiveSeconds, .rateLimited, .latencyP95, .quality, .firstTry,
        .amplification, .failoverP99, .recovered, .utility, .latencyP99, .percentOfOracle,
    ]

    private static func padded(_ text: String, to width: Int, right: Bool) -> String {
        let space = String(repeating: " ", count: max(0, width - text.utf8.count))
        return right ? space + text : text + space
    }

    private static func trimmed(_ line: String) -> String {
        var line = Substring(line)
        while line.last == " " { line.removeLast() }
        return String(line)
    }

    /// A name with `?` for everything that is not printable ASCII, cut with a `~`.
    static func ascii(_ text: String, at columns: Int) -> String {
        let plain = String(
            String.UnicodeScalarView(text.unicodeScalars.map { (0x20..<0x7F).contains($0.value) ? $0 : "?" }))
        return plain.utf8.count > columns ? plain.prefix(columns - 1) + "~" : plain
    }

    /// Notes one after the other, in lines that are not too long.
    private static func wrapped(_ notes: [String], columns: Int) -> String {
        var lines: [String] = []
        for note in notes {
            if let last = lines.last, last.utf8.count + 2 + note.utf8.count < columns {
                lines[lines.count - 1] = last + "; " + note
            } else {
                lines.append(note)
            }
        }
        return lines.joined(separator: "\n")
    }
}
