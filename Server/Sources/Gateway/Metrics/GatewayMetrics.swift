import CoreMetrics
import Generation
public import Metrics
import Resilience
import Synchronization

/// What the gateway counts and times. Every instrument is made once and held: making one costs more than a request
/// should.
public final class GatewayMetrics: Sendable {
    /// The instruments of a route.
    final class PerRoute: Sendable {
        let endings: EndingCounters
        let duration: Timer
        let overhead: Timer
        let failovers: Counter
        let mended: Counter
        /// Requests that asked a target first only to learn how it is, and the sum of how much less that was worth.
        let explorations: Counter
        let regret: Meter

        init(_ route: String, _ factory: any MetricsFactory) {
            endings = EndingCounters("holdfast_requests_total", [("route", route)], factory)
            duration = Timer(
                label: "gen_ai_server_request_duration_seconds", dimensions: [("route", route)],
                factory: factory)
            overhead = Timer(
                label: "holdfast_overhead_seconds", dimensions: [("route", route)], factory: factory)
            failovers = Counter(
                label: "holdfast_failovers_total", dimensions: [("route", route)], factory: factory)
            mended = Counter(
                label: "holdfast_streams_mended_total", dimensions: [("route", route)], factory: factory)
            explorations = Counter(
                label: "holdfast_explorations_total", dimensions: [("route", route)], factory: factory)
            regret = Meter(
                label: "holdfast_exploration_regret", dimensions: [("route", route)], factory: factory)
        }
    }

    /// The instruments of a target.
    final class PerTarget: Sendable {
        private let classes: [FailureClass: Counter]
        private let answered: Counter
        private let cancelled: Counter
        let firstToken: Timer
        let retries: Counter
        let scheduledRetries: Counter
        let budgetSpent: Counter
        let resends: Counter
        /// Attempts that were given up, since another one beside them has answered.
        let outrun: Counter
        /// Events of streams that could not be read and were passed over.
        let skippedEvents: Counter

        init(_ target: String, _ factory: any MetricsFactory) {
            func counter(_ label: String, _ more: [(String, String)] = []) -> Counter {
                Counter(label: label, dimensions: [("target", target)] + more, factory: factory)
            }
            classes = Dictionary(
                uniqueKeysWithValues: FailureClass.allCases.map {
                    ($0, counter("holdfast_attempts_total", [("class", $0.rawValue)]))
                })
            answered = counter("holdfast_attempts_total", [("class", "ok")])
            cancelled = counter("holdfast_attempts_total", [("class", "cancelled")])
            firstToken = Timer(
                label: "gen_ai_server_time_to_first_token_seconds", dimensions: [("target", target)],
                factory: factory)
            retries = counter("holdfast_retries_total")
            scheduledRetries = counter("holdfast_retries_scheduled_total")
            budgetSpent = counter("holdfast_retry_budget_exhausted_total")
            resends = counter("holdfast_resends_total")
            outrun = counter("holdfast_attempts_outrun_total")
            skippedEvents = counter("holdfast_stream_events_skipped_total")
        }

        func attempted(_ failure: AttemptFailure?) {
            guard let failure else { return answered.increment() }
            failure.isCancellation ? cancelled.increment() : classes[failure.kind]?.increment()
        }
    }

    /// The most names made up by callers that have instruments of their own: instruments are kept for ever.
    static let mostCallersNames = 100

    let factory: any MetricsFactory
    private let routes = Mutex<[String: PerRoute]>([:])
    private let targets = Mutex<[String: PerTarget]>([:])
    private let callersNames = Mutex<Set<String>>([])

    /// Creates the instruments with `factory`.
    public init(_ factory: any MetricsFactory) {
        self.factory = factory
    }

    func route(_ name: String) -> PerRoute {
        routes.withLock { routes in
            if let known = routes[name] { return known }
            let route = PerRoute(name, factory)
            routes[name] = route
            return route
        }
    }

    /// The name under which a target is counted whose model a caller named: its own for the first 100 of them, then
    /// `PROVIDER/*`.
    public func name(ofTarget name: String, of provider: String) -> String {
        let hasItsOwn = callersNames.withLock { names in
            if names.count < Self.mostCallersNames { names.insert(name) }
            return names.contains(name)
        }
        return hasItsOwn ? name : "\(provider)/*"
    }

    func target(_ name: String) -> PerTarget {
        targets.withLock { targets in
            if let known = targets[name] { return known }
            let target = PerTarget(name, factory)
            targets[name] = target
            return target
        }
    }
}

extension Timer {
    /// Records a duration, saturating at about 292 years.
    func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        recordNanoseconds(min(max(0, seconds), 9_000_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
