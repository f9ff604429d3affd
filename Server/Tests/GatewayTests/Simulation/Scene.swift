import Generation
import NIOCore
import Resilience
import ResilienceTesting
import Routing
import Synchronization

@testable import Gateway

/// A whole gateway between scripted providers and callers, in virtual time.
final class Scene: Sendable {
    /// A target of the route.
    struct Station: Sendable {
        var name: String
        var keys = 1
        var weight = 1
        var bulkhead: BulkheadPolicy?
        var breaker = CircuitBreakerPolicy.target
        var prefill: Prefill?
        /// Whether its breaker is open at first.
        var isOpen = false
    }

    /// A request, and what became of it.
    struct Asked: Sendable {
        let id: RequestID
        let caller: ScriptedCaller
        let arrivedAt: Instant
        var endedAt: Instant?
        var cancelledAt: Instant?
        /// The attempts that ran on when it had ended.
        var left = 0
    }

    static let route = "chat"

    let time: TimeSource
    let spawner: Spawner
    let attempts = AttemptBooks()
    let endings = CountedEndings()
    let registry: TargetRegistry
    let settings: Route.Settings
    private let asked = Mutex<[Asked]>([])
    let gateway: Gateway

    /// - Parameters:
    ///   - requests: How many there will be: just so many decisions are kept.
    ///   - shadow: The strategy that ranks beside the route's own.
    ///   - script: What a provider of that name does with a call.
    init(
        _ time: TimeSource, _ spawner: Spawner, chance: Chance, requests: Int, strategy: Strategy,
        stations: [Station], shadow: (strategy: Strategy, share: Double)? = nil,
        settings change: (inout Route.Settings) -> Void = { _ in },
        script: @escaping @Sendable (_ provider: String, ProviderCall) -> Script
    ) {
        (self.time, self.spawner) = (time, spawner)
        var chance = chance
        let metrics = GatewayMetrics(endings), attempts = attempts
        let registry = TargetRegistry(
            time: time, chance: Chance(seed: chance.next()), onEvent: { _ in }, onCooldown: { _ in })
        let targets = stations.map { station in
            let credentials = (0..<station.keys).map {
                Credential(index: $0, label: "key \($0)", identity: "d\($0)")
            }
            let health = credentials.map { key in
                registry.health(
                    of: TargetIdentity(provider: station.name, location: "", model: "m", key: key.identity),
                    label: "\(station.name)/m \(key.label)", credential: key.label,
                    settings: .init(breaker: station.breaker, bulkhead: station.bulkhead))
            }
            if station.isOpen { for health in health { health.breaker.open() } }
            return Target(
                provider: ScriptedProvider(
                    name: station.name, credentials: credentials, time: time, spawner: spawner,
                    books: attempts
                ) { script(station.name, $0) },
                model: "m", weight: station.weight, prefill: station.prefill, health: health,
                metrics: metrics)
        }
        func route(_ strategy: Strategy, _ shadow: Shadow?, _ sessions: SessionTable?) -> Route {
            var settings = Route.Settings(
                name: Self.route, targets: targets, selection: SelectionSettings(strategy))
            change(&settings)
            return Route(
                settings, metrics: metrics, chance: Chance(seed: chance.next()), sessions: sessions,
                shadow: shadow)
        }
        let other = shadow.map { route($0.strategy, nil, nil) }
        let decider = route(
            strategy,
            other.flatMap { other in shadow.map { Shadow(other, share: $0.share, metrics: metrics) } },
            other?.sessions)
        self.registry = registry
        settings = decider.settings
        gateway = Gateway(
            Gateway.Routes([decider]), targets: registry, time: time,
            wallClockMilliseconds: { 1_795_300_000_000 }, keptDecisions: requests, spawner: spawner)
    }

    /// All requests so far.
    var all: [Asked] { asked.withLock { $0 } }

    /// Asks, until the request has ended.
    ///
    /// - Parameter session: What it stays at its target by, on a route that keeps sessions.
    func ask(streams: Bool, caller manner: ScriptedCaller.Manner = .init(), session: UInt64? = nil) async {
        guard let route = gateway.route(for: Self.route) else { preconditionFailure("the route was made") }
        let caller = ScriptedCaller(manner, time), arrivedAt = gateway.now
        let (index, id) = asked.withLock { asked in
            let id = RequestID(7, UInt64(asked.count))
            asked.append(Asked(id: id, caller: caller, arrivedAt: arrivedAt))
            return (asked.count - 1, id)
        }
        let request = GenerationRequest(
            id: id, model: Self.route, streams: streams, wantsUsage: false, choices: 1,
            body: ByteBuffer(string: "\(index)"),
            marks: GenerationRequest.Marks(model: 0..<0, start: 0, messagesEnd: 0))
        let wishes = CallerWishes(session: session.map { StickySessions.Key(1, $0) })
        await withTaskCancellationHandler {
            await gateway.answer(
                request, by: route, caller: nil, wishes: wishes, arrivedAt: arrivedAt, spawner: spawner,
                into: caller)
        } onCancel: {
            self.note(index) { $0.cancelledAt = $0.cancelledAt ?? self.time.now }
        }
        note(index) { $0.endedAt = self.time.now }
        let left = attempts.open(id)
        note(index) { $0.left = left }
    }

    private func note(_ index: Int, _ change: (inout Asked) -> Void) {
        asked.withLock { change(&$0[index]) }
    }

    /// Waits until everything can have ended: probes that have lost, openings and timers of hedges.
    func settle() async throws { try await time.sleep(for: .seconds(1000)) }
}
