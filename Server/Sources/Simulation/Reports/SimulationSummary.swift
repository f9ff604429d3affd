/// What a policy did in all its runs.
///
/// Each figure is the mean of the runs' figures, so that each run weighs the same. Two are not: ``SimulationRow/recovered``
/// pools the requests of all runs, and ``SimulationRow/percentOfOracle`` divides the mean utilities.
public struct SimulationSummary: Sendable, Hashable {
    /// The policy's name.
    public let policy: String
    /// How many runs there are.
    public let rows: Int
    /// The requests of all runs.
    public let requests: Int
    /// The requests of all runs with a failed attempt.
    public let recoveries: Int

    private let means: [SimulationFigure: SimulationMean]

    /// A figure's mean and interval.
    public subscript(figure: SimulationFigure) -> SimulationMean {
        means[figure] ?? SimulationMean(of: [])
    }

    /// Sums up the rows of one policy.
    init(of policy: String, _ rows: [SimulationRow], oracle: OracleUtilities) {
        self.policy = policy
        self.rows = rows.count
        requests = rows.reduce(0) { $0 + $1.requests }
        recoveries = rows.reduce(0) { $0 + $1.recoveries }
        var means: [SimulationFigure: SimulationMean] = [:]
        for figure in SimulationFigure.allCases {
            means[figure] =
                switch figure {
                case .recovered:
                    SimulationMean(
                        ratioOf: rows.lazy.filter { $0.recovered.isFinite && $0.recoveries > 0 }
                            .map { ($0.recovered * Double($0.recoveries), Double($0.recoveries)) })
                case .percentOfOracle:
                    SimulationMean(ratioOf: rows.lazy.map { ($0.utility, oracle[$0]) }).times(100)
                default:
                    SimulationMean(of: rows.lazy.map { $0[figure] })
                }
        }
        self.means = means
    }
}

/// The oracle's utility in each world, as the percentages of the rows tell it.
struct OracleUtilities: Sendable {
    private struct Place: Hashable {
        let scenario: String
        let seed: UInt64
    }

    private var utilities: [Place: Double] = [:]

    init(_ rows: [SimulationRow]) {
        for row in rows {
            guard let percent = row.percentOfOracle, percent.isFinite, percent != 0, row.utility.isFinite
            else {
                continue
            }
            utilities[Place(scenario: row.scenario, seed: row.seed)] = row.utility / percent * 100
        }
    }

    /// The oracle's utility in the world of a row that is compared with it; else not a number.
    subscript(row: SimulationRow) -> Double {
        guard row.percentOfOracle != nil else {
            return .nan
        }
        return utilities[Place(scenario: row.scenario, seed: row.seed)] ?? .nan
    }
}
