import Generation
public import Routing

/// What became of the requests to one target with one key, over time.
public struct TargetRecord: Sendable {
    /// The target as it is shown to people: provider and model.
    public let target: String
    /// The label of the key.
    public internal(set) var key: String
    /// Success, times, cost and ratings in each window.
    public internal(set) var performance = PerformanceTracker()
    /// When it falls ill, and for how long. An incident lasts from the opening of its breaker until that closes.
    public internal(set) var incidents = IncidentForecast()
    /// How often it is asked, by the hour of the week.
    public internal(set) var demand = QuotaForecast()
    /// What strategies that learn have learned of it, as of the last look; nil if that is nothing.
    var learned: TargetEstimate.Snapshot?
    /// What was used of its daily quota, as of the last look; nil if it has none.
    var quota: DailyQuota.Count?
    /// When it was last heard of, in seconds since 1970.
    var heardAt: Double

    init(target: String, key: String, at seconds: Double) {
        self.target = target
        self.key = key
        heardAt = seconds
        incidents.advance(to: seconds)
    }

    /// The tokens of an answer, on the average of the last 24 hours or, without answers in them, of the last 7 days; nil
    /// without any.
    public func usualTokens(at seconds: Double) -> Double? {
        for window in [TrackingWindow.day, .week] {
            let figures = performance.report(window, at: seconds).all
            if figures.successes > 0, figures.outputTokens > 0 {
                return figures.outputTokens / Double(figures.successes)
            }
        }
        return nil
    }

    /// Where the share of good answers is going; nil without enough of them.
    public func quality(at seconds: Double) -> QualityForecast? {
        QualityForecast(performance, flaw: FailureClass.qualityFailure.trackedPlace, at: seconds)
    }
}
