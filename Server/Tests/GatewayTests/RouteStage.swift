import CoreMetrics
import Generation
import NIOCore
import Resilience
import ResilienceTesting
import Routing

@testable import Gateway

/// Answers nothing; only its name and keys are asked for.
struct SilentProvider: Provider {
    let name: String
    let credentials = [Credential(index: 0, label: "key 1", identity: "d1")]

    func attempt(_ call: ProviderCall) async throws(AttemptFailure) -> Reply {
        throw AttemptFailure(.systemError, cause: "x", phase: .connect, message: "m")
    }
}

/// Makes routes to the targets `a/m`, `b/m` and `c/m`, of which strategies that learn think less and less.
struct RouteStage {
    static let session = StickySessions.Key(1, 2)

    let clock = VirtualClock()
    let metrics = GatewayMetrics(NOOPMetricsHandler.instance)

    var now: Instant { clock.now }

    func route(
        _ strategy: Strategy, shadow: Shadow? = nil, _ change: (inout Route.Settings) -> Void = { _ in }
    ) -> Route {
        let registry = TargetRegistry(
            time: TimeSource(clock), chance: Chance(seed: 1), onEvent: { _ in }, onCooldown: { _ in })
        let targets = [("a", 10.0), ("b", 8), ("c", 5)].map { name, quality in
            Target(
                provider: SilentProvider(name: name), model: "m",
                facts: TargetFacts(inputPrice: 1e-6, outputPrice: 1e-6, quality: quality),
                health: [
                    registry.health(
                        of: TargetIdentity(provider: name, location: "here", model: "m", key: "d1"),
                        label: "\(name)/m", credential: "key 1",
                        settings: .init(breaker: .learned, bulkhead: nil))
                ], metrics: metrics)
        }
        var settings = Route.Settings(name: "chat", targets: targets, selection: SelectionSettings(strategy))
        settings.selection.sticky = Stickiness()
        change(&settings)
        return Route(settings, metrics: metrics, chance: Chance(seed: 2), shadow: shadow)
    }

    static func request(_ number: UInt64 = 1) -> GenerationRequest {
        GenerationRequest(
            id: RequestID(number, 2), model: "m", streams: true, wantsUsage: false, choices: 1,
            maximumTokens: 100, body: ByteBuffer(), marks: GenerationRequest.Marks(model: 0..<0, start: 0))
    }

    /// What a request of the session begins with.
    func select(_ route: Route, _ preferences: RoutingPreferences? = nil) -> Route.Selection {
        let wishes = CallerWishes(preferences: preferences, session: Self.session), now = self.now
        return route.select(
            Self.request(), route.terms(wishes, caller: nil, atMilliseconds: 0), arrivedAt: now,
            deadline: now.advanced(by: .seconds(30)),
            hedge: Hedge("targets", policy: HedgePolicy(delay: .afterFailure), time: TimeSource(clock)))
    }

    /// Whom a request of the session would ask, in order.
    func order(_ route: Route, _ preferences: RoutingPreferences? = nil) -> [String] {
        let selection = select(route, preferences)
        return selection.plan.order.map { choice in
            route.settings.targets[selection.candidates[choice.candidate].target].provider.name
        }
    }

    /// A request of the session is answered.
    func answer(_ route: Route, by provider: String) {
        var decision = Decision(
            id: RequestID(1, 2), arrivedAtMilliseconds: 0, route: "chat",
            strategy: route.settings.selection.strategy,
            streams: true, plan: [])
        (decision.provider, decision.model) = (provider, "m")
        route.answered(Self.session, by: decision, at: now)
    }
}
