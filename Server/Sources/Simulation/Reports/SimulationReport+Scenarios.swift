import Foundation

extension SimulationReport {
    /// Whose timeline in which scenario.
    struct TimelineKey: Hashable {
        let policy: String
        let scenario: String
    }

    private static let mostPolicies = 6
    private static let mostScenarios = 40
    private static let mostIncidents = 60

    /// The policies that are drawn, in the order of their colours.
    var drawnPolicies: [String] {
        let known = Set(timelines.lazy.map(\.policy))
        let ordered = Self.distinct(policies + timelines.map(\.policy))
        return Array(ordered.lazy.filter(known.contains).prefix(Self.mostPolicies))
    }

    /// The scenarios that get a section of their own.
    var drawnScenarios: [String] {
        Array(Self.distinct(scenarios + timelines.map(\.scenario)).prefix(Self.mostScenarios))
    }

    /// The timelines, those of the same policy and scenario added up.
    var timelineSums: [TimelineKey: SimulationTimeline] {
        timelines.reduce(into: [:]) { sums, timeline in
            let key = TimelineKey(policy: timeline.policy, scenario: timeline.scenario)
            sums[key]?.add(timeline)
            if sums[key] == nil { sums[key] = timeline }
        }
    }

    /// What happened in a scenario: two drawings, the figures and the incidents.
    func section(_ scenario: String, id: String, _ lines: [SimulationTimeline], colors: [String]) -> String {
        let incidents = self.incidents[scenario] ?? []
        let shown = Array(incidents.prefix(Self.mostIncidents))
        var parts = ["<h2>\(Markup.escaped(scenario))</h2>"]
        if !lines.isEmpty {
            parts.append(successPlot(scenario, id: id + "a", lines, shown, colors: colors).svg)
            parts.append(latencyPlot(scenario, id: id + "b", lines, shown, colors: colors).svg)
        }
        parts.append(
            """
            <details><summary>Figures</summary>
            \(htmlTable(of: summary(of: scenario), caption: "All seeds of \(scenario)"))
            </details>
            """)
        if !incidents.isEmpty {
            parts.append(table(of: shown, of: incidents.count))
        }
        return "<section>\n\(parts.joined(separator: "\n"))\n</section>"
    }

    private func successPlot(
        _ scenario: String, id: String, _ lines: [SimulationTimeline], _ incidents: [Incident],
        colors: [String]
    ) -> TimePlot {
        let lowest = lines.flatMap(\.success).compactMap(\.self).min() ?? 0
        let floor = [0.99, 0.98, 0.95, 0.9, 0.8, 0.5].first { $0 <= lowest } ?? 0
        let about = lines.map { line in
            let least = line.success.compactMap(\.self).min()
            return "\(line.policy) at least \(SimulationFigure.success.shown(least ?? .nan)) %"
        }
        return TimePlot(
            id: id, title: "Success in \(scenario)",
            about: Self.about("Share of successes", lines, about, incidents),
            lines: Self.lines(lines, colors: colors, values: \.success), incidents: incidents,
            duration: lines.map(\.end).max() ?? 1, range: floor...1, scale: 100, unit: "%")
    }

    private func latencyPlot(
        _ scenario: String, id: String, _ lines: [SimulationTimeline], _ incidents: [Incident],
        colors: [String]
    ) -> TimePlot {
        let highest = lines.flatMap(\.latency).compactMap(\.self).max() ?? 1
        let about = lines.map { line in
            let most = line.latency.compactMap(\.self).max()
            return "\(line.policy) at most \(SimulationFigure.latencyMean.shown(most ?? .nan)) s"
        }
        return TimePlot(
            id: id, title: "Latency in \(scenario)",
            about: Self.about("Mean latency of successes", lines, about, incidents),
            lines: Self.lines(lines, colors: colors, values: \.latency), incidents: incidents,
            duration: lines.map(\.end).max() ?? 1, range: 0...max(0.001, highest * 1.05), scale: 1, unit: "s")
    }

    private static func lines(
        _ timelines: [SimulationTimeline], colors: [String], values: KeyPath<SimulationTimeline, [Double?]>
    ) -> [TimePlot.Line] {
        timelines.map {
            TimePlot.Line(
                policy: $0.policy, color: colors.firstIndex(of: $0.policy) ?? 0, binSeconds: $0.binSeconds,
                values: $0[keyPath: values])
        }
    }

    private static func about(
        _ what: String, _ lines: [SimulationTimeline], _ extremes: [String], _ incidents: [Incident]
    ) -> String {
        let seconds = String(format: "%g", lines.first?.binSeconds ?? 1)
        let count = incidents.count
        return "\(what) in each stretch of \(seconds) s: \(extremes.joined(separator: ", ")). "
            + (count == 1 ? "1 incident" : "\(count) incidents") + (count > 0 ? ", shaded." : ".")
    }

    private func table(of incidents: [Incident], of count: Int) -> String {
        let lines = incidents.map { incident in
            let times = [incident.start, incident.end].map { "<td>\(String(format: "%.0f", $0))</td>" }
            let texts = [incident.providers.joined(separator: ", "), incident.label]
                .map { "<td>\(Markup.escaped($0))</td>" }
            return "<tr>\((times + texts).joined())</tr>"
        }
        let more =
            count > incidents.count ? "<p class=\"n\">\(count - incidents.count) more happened.</p>" : ""
        return """
            <details><summary>Incidents</summary>
            <div class="t"><table>
            <thead><tr><th scope="col">start, s</th><th scope="col">end, s</th><th scope="col">providers</th>\
            <th scope="col">what</th></tr></thead>
            <tbody>
            \(lines.joined(separator: "\n"))
            </tbody>
            </table></div>\(more)
            </details>
            """
    }
}
