import Gateway
import Generation
import Resilience
import Routing

/// `GET /targets`: how every target is, what is learned of it, and how it has done in each window.
struct Targets: Sendable {
    private struct View: Encodable {
        var at_ms: Int64
        var targets: [TargetView]
        /// Of routes of which a limit is known and an hour was seen.
        var capacity: [CapacityView]?
    }

    let gateway: Gateway

    func run(_ exchange: Exchange) async {
        let records = gateway.records, healths = gateway.targets.all, limits = gateway.limits
        records.look(at: healths)
        let seconds = records.now
        var views: [TargetView] = []
        for health in healths {
            let now = gateway.now
            var view = TargetView(health, at: now)
            if let record = records[health.identity] {
                view.add(record, at: seconds)
                view.forecast = ForecastView(
                    record, health, allowed: limits[health.identity], at: seconds, now: now)
            }
            views.append(view)
            // Reports of many targets take milliseconds; other requests of this event loop go on between them.
            await Task.yield()
        }
        let capacity = gateway.capacities.map(CapacityView.init)
        await exchange.sendJSON(
            View(
                at_ms: Int64(seconds * 1000), targets: views, capacity: capacity.isEmpty ? nil : capacity))
    }
}

/// A target as it is shown. Members that were not computed are left out.
struct TargetView: Encodable {
    struct Learned: Encodable {
        var success: Double?
        var evidence: Double?
        var first_token_seconds: Double?
        var per_token_seconds: Double?
        var headroom: Double?
        /// The limit that the provider's responses told.
        var requests_per_minute: Double?
        var burst: Double?
        var overdue: Int
    }

    var target: String
    var key: String
    var breaker: String
    var cooling: String?
    var retry_after_ms: Double?
    var learned: Learned
    /// By the name of the window; nil if the target was not asked in any of them.
    var windows: [String: ReportView]?
    var forecast: ForecastView?

    init(_ health: TargetHealth, at now: Instant) {
        let breaker = health.breaker.snapshot, cooling = health.cooling(at: now)
        target = health.label
        key = health.credential
        self.breaker = breaker.state.rawValue
        self.cooling = cooling?.kind.rawValue
        retry_after_ms = (breaker.state == .open ? breaker.remainingOpen : cooling?.time)?.shownMilliseconds
        let known = health.learned(at: now)
        learned = Learned(
            success: known.success, evidence: known.evidence, first_token_seconds: known.firstToken,
            per_token_seconds: known.perToken, headroom: known.headroom,
            requests_per_minute: known.limit.map { $0.requestsPerSecond * 60 }, burst: known.limit?.burst,
            overdue: known.overdue)
    }

    mutating func add(_ record: TargetRecord, at seconds: Double) {
        let reports = TrackingWindow.allCases.map { record.performance.report($0, at: seconds) }
        if !reports.allSatisfy(\.all.isEmpty) {
            windows = Dictionary(
                uniqueKeysWithValues: reports.map { ($0.window.rawValue, ReportView($0)) })
        }
    }
}

/// What happened in a window, as it is shown.
struct ReportView: Encodable {
    struct Percentiles: Encodable {
        var p50: Double
        var p90: Double
        var p99: Double

        init(_ percentiles: PerformanceReport.Percentiles) {
            (p50, p90, p99) = (percentiles.p50, percentiles.p90, percentiles.p99)
        }
    }

    struct Figures: Encodable {
        var requests: UInt64
        var successes: UInt64
        var success_rate: Double?
        var error_rate: Double?
        /// By class.
        var failures: [String: UInt64]?
        var first_token_seconds: Percentiles?
        var total_seconds: Percentiles?
        /// The share of good answers among those that were given.
        var quality: Double?
        var uptime: Double?
        var reliability: Double?
        var trend: String?
        var input_tokens: Double
        var output_tokens: Double
        var cost_dollars: Double?
        var successes_per_dollar: Double?
        var satisfaction: Double?
        var ratings: UInt64?
    }

    var all: Figures
    /// Of short and of long prompts; nil without any.
    var short: Figures?
    var long: Figures?

    init(_ report: PerformanceReport) {
        all = Figures(report.all)
        short = report.short.isEmpty ? nil : Figures(report.short)
        long = report.long.isEmpty ? nil : Figures(report.long)
    }
}

extension ReportView.Figures {
    init(_ figures: PerformanceReport.Figures) {
        requests = figures.requests
        successes = figures.successes
        success_rate = figures.successRate
        error_rate = figures.errorRate
        let counts = FailureClass.allCases.map { ($0.rawValue, figures.failures[$0.trackedPlace]) }
        let failures = Dictionary(uniqueKeysWithValues: counts.filter { $0.1 > 0 })
        self.failures = failures.isEmpty ? nil : failures
        first_token_seconds = figures.firstToken.map(ReportView.Percentiles.init)
        total_seconds = figures.total.map(ReportView.Percentiles.init)
        let bad = figures.failures[FailureClass.qualityFailure.trackedPlace],
            answers = figures.successes + bad
        quality = answers > 0 ? Double(figures.successes) / Double(answers) : nil
        uptime = figures.uptime
        reliability = figures.requests > 0 ? figures.reliability : nil
        // Fewer do not tell a trend: each half needs 30.
        trend = figures.requests >= 60 ? figures.trend.rawValue : nil
        input_tokens = figures.inputTokens
        output_tokens = figures.outputTokens
        cost_dollars = figures.cost > 0 ? figures.cost : nil
        successes_per_dollar = figures.successesPerDollar
        satisfaction = figures.satisfaction
        ratings = figures.scores > 0 ? figures.scores : nil
    }
}

extension PerformanceReport.Figures {
    fileprivate var isEmpty: Bool { requests == 0 && scores == 0 }
}
