import CoreMetrics

extension GatewayMetrics {
    /// The instruments of a route's shadow, for the requests that one of the two strategies decided.
    final class PerShadow: Sendable {
        let endings: EndingCounters
        let duration: Timer
        let differing: Counter
        /// What was expected of the shadow's choices beside the route's own; each may be less than nothing.
        let seconds, dollars: Meter

        fileprivate init(_ dimensions: [(String, String)], _ factory: any MetricsFactory) {
            endings = EndingCounters("holdfast_shadow_requests_total", dimensions, factory)
            duration = Timer(
                label: "holdfast_shadow_request_duration_seconds", dimensions: dimensions, factory: factory)
            differing = Counter(
                label: "holdfast_shadow_differs_total", dimensions: dimensions, factory: factory)
            seconds = Meter(
                label: "holdfast_shadow_gain_seconds", dimensions: dimensions, factory: factory)
            dollars = Meter(
                label: "holdfast_shadow_gain_dollars", dimensions: dimensions, factory: factory)
        }
    }

    /// The instruments of a route's shadow.
    ///
    /// - Parameter decider: Who decided the requests: `own` or `shadow`.
    func shadow(_ route: String, decidedBy decider: String) -> PerShadow {
        PerShadow([("route", route), ("decided_by", decider)], factory)
    }
}
