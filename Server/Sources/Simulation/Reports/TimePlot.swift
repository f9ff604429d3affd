/// A drawing of how one figure of some policies went in the course of a scenario, with the incidents as bands.
struct TimePlot {
    /// One policy's line.
    struct Line {
        let policy: String
        /// The number of its colour, from 0 to 5.
        let color: Int
        let binSeconds: Double
        /// A value for each stretch; nil where there is none.
        let values: [Double?]
    }

    let id: String
    let title: String
    /// What the values are, for those who do not see the drawing.
    let about: String
    let lines: [Line]
    let incidents: [SimulationReport.Incident]
    /// The time shown, in seconds.
    let duration: Double
    /// The values shown.
    let range: ClosedRange<Double>
    /// What values are multiplied by before they are shown.
    let scale: Double
    let unit: String

    private static let width = 900.0
    private static let (left, right) = (56.0, 888.0)
    private static let plotHeight = 150.0
    /// The lines of incidents' names above the plot.
    private static let labelRows = 3

    var svg: String {
        let labels = self.labels
        let top = 24 + 13 * Double((labels.map(\.row).max() ?? -1) + 1)
        let bottom = top + Self.plotHeight
        let time = PlotAxis.time(to: duration, from: Self.left, to: Self.right)
        let values = PlotAxis(
            range.lowerBound * scale, range.upperBound * scale, from: bottom, to: top, unit: unit)
        let legend = self.legend(at: bottom + 48)
        let parts =
            bands(time, top: top, bottom: bottom)
            + labels.map { Markup.text($0.x, top - 6 - 13 * Double($0.row), $0.text, kind: "s") }
            + grid(time, values, top: top, bottom: bottom) + lines.map { path($0, time, values) }
            + legend.parts
        return Markup.drawing(
            id: id, width: Self.width, height: legend.end, title: title, about: about, parts)
    }

    private func grid(_ time: PlotAxis, _ values: PlotAxis, top: Double, bottom: Double) -> [String] {
        var parts = values.rows(4, from: Self.left, to: Self.right)
        parts += time.ticks(9).flatMap { tick in
            let x = time.place(tick.value)
            return [
                Markup.line(x, bottom, x, bottom + 4, kind: "a"),
                Markup.text(x, bottom + 16, tick.text, anchor: "middle"),
            ]
        }
        parts.append(Markup.line(Self.left, bottom, Self.right, bottom, kind: "a"))
        parts.append(Markup.text(0, 12, Markup.escaped("\(title), \(unit)"), kind: "b"))
        parts.append(
            Markup.text((Self.left + Self.right) / 2, bottom + 31, "time in \(time.unit)", anchor: "middle"))
        return parts
    }

    private func bands(_ time: PlotAxis, top: Double, bottom: Double) -> [String] {
        incidents.map { incident in
            let x = time.place(incident.start)
            let width = max(1.5, time.place(incident.end) - x)
            return """
                <rect class="i" x="\(Markup.coordinate(x))" y="\(Markup.coordinate(top))" \
                width="\(Markup.coordinate(width))" height="\(Markup.coordinate(bottom - top))">\
                <title>\(Markup.escaped(incident.words))</title></rect>
                """
        }
    }

    /// The incidents' names above their bands, in rows where they do not meet; a name without room is left out.
    private var labels: [(row: Int, x: Double, text: String)] {
        let time = PlotAxis.time(to: duration, from: Self.left, to: Self.right)
        var ends = Array(repeating: 0.0, count: Self.labelRows)
        var placed: [(row: Int, x: Double, text: String)] = []
        for incident in incidents.sorted(by: { $0.start < $1.start }) {
            let width = PlotText.width(min(incident.words.count, PlotText.most))
            let x = max(0, min(time.place(incident.start), Self.width - width))
            guard let row = ends.firstIndex(where: { $0 <= x }) else {
                continue
            }
            ends[row] = x + width + 8
            placed.append((row, x, Markup.short(incident.words, PlotText.most)))
        }
        return placed
    }

    /// A line with gaps where there are no values; a value between two gaps is a dot.
    private func path(_ line: Line, _ time: PlotAxis, _ values: PlotAxis) -> String {
        var path = ""
        var isOpen = false
        for (index, value) in line.values.enumerated() {
            guard let value, value.isFinite else {
                isOpen = false
                continue
            }
            let x = Markup.coordinate(time.place((Double(index) + 0.5) * line.binSeconds))
            path += "\(isOpen ? "L" : "M")\(x) \(Markup.coordinate(values.place(value * scale)))"
            let isLast = index + 1 == line.values.count || line.values[index + 1] == nil
            if !isOpen && isLast { path += "h.1" }
            isOpen = true
        }
        return path.isEmpty ? "" : "<path class=\"l l\(line.color)\" d=\"\(path)\"/>"
    }

    private func legend(at top: Double) -> (parts: [String], end: Double) {
        let column = (Self.right - Self.left) / 3
        let parts = lines.enumerated().flatMap { index, line in
            let x = Self.left + Double(index % 3) * column
            let y = top + Double(index / 3) * 16
            return [
                Markup.line(x, y, x + 30, y, kind: "l l\(line.color)"),
                Markup.text(x + 36, y + 4, Markup.short(line.policy, PlotText.most)),
            ]
        }
        return (parts, top + Double((max(1, lines.count) + 2) / 3) * 16)
    }
}

/// How much room text takes in a drawing.
enum PlotText {
    /// The most characters of a name.
    static let most = 30

    /// About how wide so many characters are; wide letters are rare in names.
    static func width(_ characters: Int) -> Double { Double(characters) * 6.4 }
}

extension SimulationReport.Incident {
    /// What happened to whom, for a reader.
    var words: String {
        let names = providers.count > 3 ? "\(providers.count) providers" : providers.joined(separator: ", ")
        return names.isEmpty ? label : "\(label): \(names)"
    }
}
