public import Generation
public import Resilience
import CoreMetrics
import Routing
import Synchronization

/// Answers requests through the routes of its configuration.
public final class Gateway: Sendable {
    /// The routes of one configuration. A request keeps the one that it began with.
    public struct Routes: Sendable {
        private let named: [String: Route]
        private let direct: @Sendable (String) -> Route?
        /// The names to show to callers, in order.
        public let names: [String]

        /// - Parameter direct: Makes a route for a name that is not in the configuration, such as `openai/gpt-5.6`.
        public init(
            _ routes: [Route], alsoShown: [String] = [],
            direct: @escaping @Sendable (String) -> Route? = { _ in nil }
        ) {
            named = Dictionary(routes.map { ($0.settings.name, $0) }) { first, _ in first }
            names = routes.map(\.settings.name) + alsoShown
            self.direct = direct
        }

        /// Those of the configuration, by name.
        var all: [Route] { named.values.sorted { $0.settings.name < $1.settings.name } }

        /// The route of the configuration with that name. Unlike a request's look-up it never makes one.
        public func configured(_ name: String) -> Route? { named[name] }

        subscript(name: String) -> Route? { named[name] ?? direct(name) }
    }

    /// The latest decisions.
    public let decisions: DecisionLog
    /// What is known about every target.
    public let targets: TargetRegistry
    /// What became of the requests to every target, over time.
    public let records: TargetRecords
    let time: TimeSource
    let wallClockMilliseconds: @Sendable () -> Int64
    private let current: Mutex<Routes>
    /// Runs attempts beside each other; when is said for each.
    let hedge: Hedge

    /// Creates a gateway.
    ///
    /// - Parameters:
    ///   - wallClockMilliseconds: The present time in milliseconds since 1970, for the decision trail.
    ///   - records: What is known of targets over time; nil for nothing yet.
    ///   - keptDecisions: How many decisions are kept for being asked about.
    ///   - spawner: Where the task runs that sleeps until hedges are due.
    public init(
        _ routes: Routes, targets: TargetRegistry, time: TimeSource,
        wallClockMilliseconds: @escaping @Sendable () -> Int64, records: TargetRecords? = nil,
        keptDecisions: Int = 4096, spawner: Spawner = .detached
    ) {
        current = Mutex(routes)
        self.targets = targets
        self.time = time
        self.records =
            records ?? TargetRecords(time: time, wallClockMilliseconds: wallClockMilliseconds())
        hedge = Hedge(
            "targets", policy: HedgePolicy(delay: .afterFailure), time: time, spawner: spawner)
        self.wallClockMilliseconds = wallClockMilliseconds
        decisions = DecisionLog(capacity: keptDecisions)
    }

    /// The routes that new requests find.
    public var routes: Routes {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// The moment now, by which arrivals are to be noted.
    public var now: Instant { time.now }

    /// The route behind a model's name.
    public func route(for model: String) -> Route? {
        routes[model]
    }

    /// Answers a request. Returns when the sink has its answer, its end or its refusal, or the caller has left, which
    /// cancelling the task says.
    ///
    /// - Parameters:
    ///   - caller: The name of the caller's key, if keys are needed.
    ///   - wishes: What it asks for beside the answer.
    ///   - arrivedAt: When the request arrived.
    ///   - spawner: Where attempts are made beside the first one: on the executor that this one runs on.
    ///   - cancellation: Cancelled with the task that this runs in; nil if only that is.
    public func answer(
        _ request: GenerationRequest, by route: Route, caller: String?, wishes: CallerWishes = CallerWishes(),
        arrivedAt: Instant, spawner: Spawner = .tasks, cancellation: CancellationToken? = nil,
        into sink: any ReplySink
    ) async {
        await Stages(
            gateway: self, request: request, route: route, caller: caller, wishes: wishes,
            arrivedAt: arrivedAt, spawner: spawner, cancellation: cancellation
        ).run(into: sink)
    }
}
