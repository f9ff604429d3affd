import Gateway
import Resilience
import Routing

/// What is expected of a target, as it is shown.
struct ForecastView: Encodable {
    /// An incident that runs. How long it goes on is not known; these are the mean and the median of what incidents of
    /// its age have left.
    struct Incident: Encodable {
        var since_ms: Int64
        var age_seconds: Double
        var expected_recovery_seconds: Double
        var median_recovery_seconds: Double
    }

    /// The requests that are expected, and what the provider allows.
    struct Limit: Encodable {
        var requests_per_minute: Double
        /// Expected requests in the next half hour, as a share of those that are allowed in it.
        var expected_share_30m: Double
        /// Seconds until the first hour of the next 24 in which more is expected than is allowed; nil without one.
        var reached_in_seconds: Double?
    }

    /// What is used of a daily quota, and when it is expected to be used up.
    struct Quota: Encodable {
        /// Four of five moments lie between the earliest and the latest; nil for a latest after the renewal.
        struct End: Encodable {
            var expected: Double
            var earliest: Double
            var latest: Double?
        }

        var used: Int
        var allowed: Int
        var resets_in_seconds: Double
        /// Seconds until it is used up; nil if it is expected to last until it is renewed.
        var used_up_in_seconds: End?
        /// How likely it is used up before it is renewed.
        var used_up_probability: Double
    }

    /// What half of the next answers stay within, and nine of ten, in seconds.
    struct Times: Encodable {
        var p50: Double
        var p90: Double

        init(_ forecast: LatencyForecast) { (p50, p90) = (forecast.p50, forecast.p90) }
    }

    /// How long the next answer will take.
    struct NextAnswer: Encodable {
        var first_token_seconds: Times
        /// The tokens of a usual answer, and the time until that is whole; nil as long as they are not known.
        var tokens: Double?
        var seconds: Times?
    }

    /// Where the share of good answers is going.
    struct Quality: Encodable {
        var now: Double
        var change_per_day: Double
        var standard_error: Double
        var expected_24h: Double
        var trend: String
    }

    /// By horizon: how likely the target is ill, or falls ill, at some time until its end; while it is ill, how likely it
    /// still is at the end.
    var failure_probability: [String: Double]
    var incident: Incident?
    var limit: Limit?
    var next_answer: NextAnswer?
    var quality: Quality?
    var quota: Quota?

    /// - Parameter allowed: The requests a second that the provider allows.
    init(
        _ record: TargetRecord, _ health: TargetHealth, allowed: Double?, at seconds: Double, now: Instant
    ) {
        let incidents = record.incidents
        func probability(_ horizon: Double) -> Double {
            incidents.recovers(within: horizon, at: seconds).map { 1 - $0 }
                ?? incidents.risk(within: horizon, at: seconds)
        }
        failure_probability = ["5m": probability(300), "30m": probability(1800)]
        if let since = incidents.since, let mean = incidents.expectedRecovery(at: seconds),
            let median = incidents.recovery(at: seconds)
        {
            incident = Incident(
                since_ms: Int64(since * 1000), age_seconds: max(0, seconds - since),
                expected_recovery_seconds: mean, median_recovery_seconds: median)
        }
        if let allowed, record.demand.profile.average != nil {
            limit = Limit(record.demand, allowed: allowed, at: seconds)
        }
        next_answer = NextAnswer(health, tokens: record.usualTokens(at: seconds), at: now)
        quality = record.quality(at: seconds).map(Quality.init)
        quota = health.quota.map { Quota($0.reading(at: now), record.demand, at: seconds) }
    }
}

extension ForecastView.NextAnswer {
    fileprivate init?(_ health: TargetHealth, tokens: Double?, at now: Instant) {
        let next = health.nextAnswer(tokens: tokens, at: now)
        guard let first = next.firstToken else { return nil }
        first_token_seconds = ForecastView.Times(first)
        seconds = next.whole.map(ForecastView.Times.init)
        self.tokens = seconds == nil ? nil : tokens
    }
}

extension ForecastView.Quota {
    fileprivate init(_ reading: QuotaMeter.Reading, _ demand: QuotaForecast, at seconds: Double) {
        let left = Double(reading.left), renewal = reading.renewal
        let end = demand.exhaustion(of: left, at: seconds, before: renewal)
        self.init(
            used: reading.count.used, allowed: reading.terms.requests,
            resets_in_seconds: max(0, renewal - seconds),
            used_up_in_seconds: end.map { end in
                End(
                    expected: end.moment - seconds, earliest: end.earliest - seconds,
                    latest: end.latest.map { $0 - seconds })
            }, used_up_probability: demand.risk(of: left, at: seconds, before: renewal))
    }
}

extension ForecastView.Quality {
    fileprivate init(_ quality: QualityForecast) {
        self.init(
            now: quality.now, change_per_day: quality.changePerDay, standard_error: quality.error,
            expected_24h: quality.inADay, trend: quality.trend.rawValue)
    }
}

extension ForecastView.Limit {
    fileprivate init(_ demand: QuotaForecast, allowed: Double, at seconds: Double) {
        requests_per_minute = allowed * 60
        expected_share_30m = demand.demand(from: seconds, to: seconds + 1800) / (allowed * 1800)
        let hours = stride(from: seconds, to: seconds + 86_400, by: 3600)
        reached_in_seconds = hours.first { demand.demand(from: $0, to: $0 + 3600) > allowed * 3600 }
            .map { $0 - seconds }
    }
}

/// Whether a route's targets carry its busiest time without the largest of them, as it is shown. In requests in five
/// minutes.
struct CapacityView: Encodable {
    var route: String
    var peak: Double
    var is_enough: Bool
    var needed: [String]
    var carried: Double?
    var missing: Double

    init(_ capacity: RouteCapacity) {
        route = capacity.route
        peak = capacity.peak
        is_enough = capacity.missing == 0
        needed = capacity.needed
        carried = capacity.carried
        missing = capacity.missing
    }
}
