/// Counts what becomes of the requests of one play.
struct Scoreboard {
    private let utility: WorldFile.Utility
    private let qualities: [Double]
    private var requests = 0, successes = 0, firstTries = 0
    private var troubled = 0, recovered = 0
    private var attempts = 0, hedges = 0, rejections = 0
    private var cost = 0.0, worth = 0.0, quality = 0.0
    private var latencies: [Double] = [], failovers: [Double] = []
    private(set) var timeline: SimulationTimeline

    init(_ scenario: WorldFile.Scenario, _ utility: WorldFile.Utility, policy: String) {
        self.utility = utility
        qualities = scenario.providers.map(\.quality)
        timeline = SimulationTimeline(policy: policy, scenario: scenario.name, duration: scenario.duration)
    }

    mutating func note(_ outcome: RequestOutcome) {
        attempts += outcome.attempts
        hedges += outcome.hedges
        rejections += outcome.rejections
        guard !outcome.request.isBad else { return }
        requests += 1
        cost += outcome.cost
        worth -= utility.perSecond * outcome.latency + utility.perDollar * outcome.cost
        timeline.note(at: outcome.request.arrival, latency: outcome.latency, succeeded: outcome.succeeded)
        if outcome.failures > 0 { troubled += 1 }
        guard outcome.succeeded, let provider = outcome.provider else { return }
        successes += 1
        latencies.append(outcome.latency)
        quality += qualities[provider]
        worth += utility.success + utility.perQuality * (qualities[provider] - utility.referenceQuality)
        guard outcome.failures > 0 else {
            firstTries += 1
            return
        }
        recovered += 1
        // A failover is what follows a failure of the infrastructure; an invalid answer is known only at its end.
        if !outcome.hadInvalidAnswer { failovers.append(outcome.winnerBegan) }
    }

    /// The figures of a policy in a scenario with a seed.
    func row(policy: String, scenario: String, seed: UInt64) -> SimulationRow {
        var row = SimulationRow(
            policy: policy, scenario: scenario, seed: seed, requests: requests, recoveries: troubled)
        let sorted = latencies.sorted(), failovers = failovers.sorted()
        row.success = Self.share(successes, requests)
        row.firstTry = Self.share(firstTries, requests)
        row.costPerThousand = 1000 * cost / Double(successes)
        row.latencyMean = latencies.reduce(0, +) / Double(successes)
        row.latencyP50 = Self.quantile(sorted, 0.5)
        row.latencyP95 = Self.quantile(sorted, 0.95)
        row.latencyP99 = Self.quantile(sorted, 0.99)
        row.recovered = Self.share(recovered, troubled)
        row.failoverUnderFiveSeconds = Self.share(failovers.count { $0 < 5 }, failovers.count)
        row.failoverP99 = Self.quantile(failovers, 0.99)
        row.amplification = Self.share(attempts, requests)
        row.rateLimited = Self.share(rejections, requests)
        row.hedged = Self.share(hedges, requests)
        row.quality = quality / Double(successes)
        row.utility = worth / Double(requests)
        return row
    }

    private static func share(_ part: Int, _ whole: Int) -> Double { Double(part) / Double(whole) }

    private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }
}
