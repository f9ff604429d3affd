/// All that a simulation found out, and the ways to show it: a table for a terminal, JSON, and a page of HTML.
public struct SimulationReport: Sendable {
    /// Something that happened to providers in a scenario.
    public struct Incident: Sendable, Hashable {
        /// Seconds from the scenario's beginning.
        public let start: Double
        /// Seconds from the scenario's beginning; the first moment after it.
        public let end: Double
        /// The names of the providers that it happened to.
        public let providers: [String]
        /// What happened, in a few words.
        public let label: String

        /// Describes an incident.
        public init(start: Double, end: Double, providers: [String], label: String) {
            (self.start, self.end, self.providers, self.label) = (start, end, providers, label)
        }
    }

    /// The name of the world's file.
    public var world: String
    /// Each run's figures, in the order in which policies and scenarios are shown.
    public var rows: [SimulationRow]
    /// The runs in the course of time. Several of one policy and scenario are shown as their sum.
    public var timelines: [SimulationTimeline]
    /// What happened in each scenario.
    public var incidents: [String: [Incident]]
    /// The policies that know what no gateway can know. They are shown, but never the best.
    public var oracles: Set<String>

    /// Creates a report.
    ///
    /// - Parameter oracles: Default: the policies whose names begin with `oracle` or `relaxed`.
    public init(
        world: String, rows: [SimulationRow], timelines: [SimulationTimeline] = [],
        incidents: [String: [Incident]] = [:], oracles: Set<String>? = nil
    ) {
        self.world = world
        self.rows = rows
        self.timelines = timelines
        self.incidents = incidents
        self.oracles =
            oracles
            ?? Set(rows.lazy.map(\.policy).filter { $0.hasPrefix("oracle") || $0.hasPrefix("relaxed") })
    }

    /// The policies in the order of their first rows.
    public var policies: [String] { Self.distinct(rows.lazy.map(\.policy)) }

    /// The scenarios in the order of their first rows.
    public var scenarios: [String] { Self.distinct(rows.lazy.map(\.scenario)) }

    /// What each policy did in all its runs. Computed anew at each call, in time proportional to the rows.
    public var summary: [SimulationSummary] { summary(of: rows) }

    /// What each policy did in all its runs of one scenario.
    public func summary(of scenario: String) -> [SimulationSummary] {
        summary(of: rows.filter { $0.scenario == scenario })
    }

    private func summary(of rows: [SimulationRow]) -> [SimulationSummary] {
        let oracle = OracleUtilities(rows)
        let runs = Dictionary(grouping: rows, by: \.policy)
        return Self.distinct(rows.lazy.map(\.policy)).map {
            SimulationSummary(of: $0, runs[$0] ?? [], oracle: oracle)
        }
    }

    /// The best text of each figure among the policies that are no oracles.
    func best(of summaries: [SimulationSummary]) -> [SimulationFigure: String] {
        let rivals = summaries.filter { !oracles.contains($0.policy) }
        return SimulationFigure.allCases.reduce(into: [:]) { best, figure in
            best[figure] = figure.best(of: rivals.map { $0[figure].mean })
        }
    }

    /// The names without repetition, in their order.
    static func distinct(_ names: some Sequence<String>) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }
}
