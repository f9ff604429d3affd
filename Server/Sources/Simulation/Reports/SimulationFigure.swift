import Foundation

/// The figures of a row and of a summary, in the order in which reports show them; the raw value is the name in JSON.
public enum SimulationFigure: String, Sendable, Hashable, CaseIterable {
    /// The share of requests that ended well.
    case success
    /// The share that ended well with no failed attempt.
    case firstTry = "first_try"
    /// Dollars for 1,000 successes.
    case costPerThousand = "cost_per_1000"
    /// The mean latency of successes.
    case latencyMean = "latency_mean"
    /// The median latency of successes.
    case latencyP50 = "latency_p50"
    /// The 95th percentile of the latency of successes.
    case latencyP95 = "latency_p95"
    /// The 99th percentile of the latency of successes.
    case latencyP99 = "latency_p99"
    /// The share of requests with a failed attempt that ended well.
    case recovered
    /// The share of failovers within 5 s.
    case failoverUnderFiveSeconds = "failover_under_5s"
    /// The 99th percentile of the time of failovers.
    case failoverP99 = "failover_p99"
    /// Attempts for each request.
    case amplification
    /// Refusals by a rate limit for each request.
    case rateLimited = "rate_limited"
    /// Hedges for each request.
    case hedged
    /// The mean quality of answers.
    case quality
    /// The mean utility of requests.
    case utility
    /// The utility in per cent of the oracle's.
    case percentOfOracle = "percent_of_oracle"

    /// How a figure is shown.
    struct Look: Sendable {
        /// The head of its column; at most 8 letters.
        let head: String
        /// What it is, for those who want to know.
        let meaning: String
        /// `%`, `$`, `s` or nothing.
        let unit: String
        let decimals: Int
        /// What a value is multiplied by before it is shown.
        let scale: Double

        init(_ head: String, _ unit: String, _ decimals: Int, times scale: Double = 1, _ meaning: String) {
            (self.head, self.unit, self.decimals, self.scale, self.meaning) =
                (head, unit, decimals, scale, meaning)
        }
    }

    var look: Look {
        switch self {
        case .success: Look("success", "%", 2, times: 100, "requests that ended well")
        case .firstTry: Look("first", "%", 1, times: 100, "ended well with no failed attempt")
        case .costPerThousand: Look("cost/k", "$", 2, "cost of 1000 successes")
        case .latencyMean: Look("mean", "s", 2, "mean latency of successes")
        case .latencyP50: Look("p50", "s", 2, "latency that 50 % of successes keep")
        case .latencyP95: Look("p95", "s", 2, "latency that 95 % of successes keep")
        case .latencyP99: Look("p99", "s", 2, "latency that 99 % of successes keep")
        case .recovered: Look("recov", "%", 1, times: 100, "requests with a failed attempt that ended well")
        case .failoverUnderFiveSeconds:
            Look("<5s", "%", 1, times: 100, "failovers within 5 s of the request's arrival")
        case .failoverP99: Look("fo99", "s", 2, "time that 99 % of failovers keep")
        case .amplification: Look("ampl", "x", 3, "attempts for each request")
        case .rateLimited: Look("429", "%", 2, times: 100, "refusals by a rate limit per 100 requests")
        case .hedged: Look("hedge", "%", 1, times: 100, "hedges per 100 requests")
        case .quality: Look("qual", "", 2, "mean quality of answers, 0 to 10")
        case .utility: Look("utility", "", 3, "mean utility of requests")
        case .percentOfOracle: Look("oracle", "%", 1, "utility compared with the oracle's")
        }
    }

    /// Which value of a figure is better: 1 for the higher, -1 for the lower, 0 where neither is.
    var direction: Double {
        switch self {
        case .success, .firstTry, .recovered, .failoverUnderFiveSeconds, .quality, .utility, .percentOfOracle:
            1
        case .costPerThousand, .latencyMean, .latencyP50, .latencyP95, .latencyP99, .failoverP99,
            .amplification, .rateLimited:
            -1
        case .hedged: 0
        }
    }

    /// A value as a reader sees it, without its unit: at most 9 characters, `-` for one that does not exist.
    func shown(_ value: Double) -> String {
        let scaled = value * look.scale
        guard scaled.isFinite else {
            return "-"
        }
        if abs(scaled) >= 100_000 {
            return String(format: "%.1e", scaled)
        }
        let text = String(format: "%.\(look.decimals)f", scaled)
        return text.contains { "123456789".contains($0) } ? text : text.replacing("-", with: "")
    }

    /// The text of the best of some values, or nil where neither way is better or all that exist look alike.
    ///
    /// Values that look alike are equally good, so that no mark depends on digits that nobody sees.
    func best(of values: [Double]) -> String? {
        let real = values.filter(\.isFinite)
        guard direction != 0, Set(real.map(shown)).count > 1 else {
            return nil
        }
        return real.max { $0 * direction < $1 * direction }.map(shown)
    }
}
