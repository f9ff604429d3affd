import Gateway
import GatewayHTTP
import Generation
import Logging
import Providers
import Resilience
import Routing
import Synchronization
import Upstream

/// Puts the parts together: the only place that knows them all.
///
/// What lives longer than a configuration (connections, breakers, decisions, metrics) is made once; routes and
/// providers are made anew for each configuration and find the rest again.
final class Assembly: Sendable {
    let gateway: Gateway
    let activity = FrontActivity()
    let registry = PrometheusRegistry(help: MetricsHelp.texts)
    private let metrics: GatewayMetrics
    let time: TimeSource
    private let targets: TargetRegistry
    private let client: UpstreamClient
    private let logger: Logger
    private let chance: Mutex<Chance>
    private let rules: Mutex<AccessRules>
    private let trusts = Mutex<[String?: Trust]>([:])
    private let simulated = Mutex<[String: SimulatedProvider]>([:])

    init(client: UpstreamClient, logger: Logger) {
        self.client = client
        self.logger = logger
        metrics = GatewayMetrics(registry)
        let time = TimeSource(ContinuousClock())
        self.time = time
        var chance = Chance.system()
        let records = TargetRecords(time: time, wallClockMilliseconds: WallClock.milliseconds())
        let log = TargetLog(logger: logger)
        targets = TargetRegistry(
            time: time, chance: Chance(seed: chance.next()), records: records,
            onEvent: { log.note($0) }, onCooldown: { log.note($0) })
        rules = Mutex(AccessRules(keys: KeyRing(administrator: nil, callers: [])))
        gateway = Gateway(
            Gateway.Routes([]), targets: targets, time: time,
            wallClockMilliseconds: WallClock.milliseconds, records: records)
        self.chance = Mutex(chance)
    }

    var currentRules: AccessRules { rules.withLock { $0 } }

    func nextChance() -> Chance {
        chance.withLock { Chance(seed: $0.next()) }
    }

    /// Makes `configuration` the one that new requests find. Either all of it takes effect or, when a part cannot be
    /// made, nothing.
    func apply(_ configuration: Configuration) throws {
        var providers: [String: any Provider] = [:]
        for settings in configuration.providers { providers[settings.name] = try provider(settings) }
        let parts = Parts(assembly: self, configuration: configuration, providers: providers)
        let before = gateway.routes
        let routes = configuration.models.compactMap {
            parts.route($0, sessions: before.configured($0.name)?.sessions)
        }
        gateway.routes = Gateway.Routes(
            routes, alsoShown: configuration.shownModels, direct: { parts.directRoute($0) })
        let keys = KeyRing(
            administrator: configuration.auth.administrator,
            callers: configuration.auth.keys.map { ($0.name, $0.key) })
        let server = configuration.server
        let web = WebPolicy(hosts: server.hosts, origins: server.corsOrigins)
        rules.withLock { $0 = AccessRules(keys: keys, web: web) }
        // What callers named is known to no configuration; the registry and the records bound its number themselves.
        guard configuration.directProviders.isEmpty else { return }
        targets.keep(only: parts.identities)
        gateway.records.keep(only: parts.identities, routes: Set(configuration.models.map(\.name)))
    }

    /// The demonstration's switch for faults.
    var demo: Routes.Demo {
        Routes.Demo(
            providers: simulated.withLock { $0.keys.sorted() },
            modes: SimulatedProvider.Fault.allCases.map(\.rawValue)
        ) { name, mode in
            // Looked up each time, since a reload makes the providers anew.
            guard let provider = self.simulated.withLock({ $0[name] }) else { return nil }
            guard let fault = SimulatedProvider.Fault(rawValue: mode) else { return false }
            provider.fault = fault
            return true
        }
    }

    // MARK: Parts

    private func provider(_ settings: Configuration.Provider) throws -> any Provider {
        switch settings.kind {
        case .simulated:
            // Faults that were switched on outlive a reload.
            return simulated.withLock { known in
                let provider = SimulatedProvider(
                    settings.simulated, clock: ContinuousClock(), wallClock: WallClock.seconds)
                provider.fault = known[settings.name]?.fault ?? .ok
                known[settings.name] = provider
                return provider
            }
        case .openai:
            let parts = OpenAIProvider.Settings(
                name: settings.name, origin: settings.origin, basePath: settings.basePath,
                trust: settings.origin.isSecure ? try trust(settings.authorities) : nil, keys: settings.keys,
                fields: settings.headers,
                asksForUsage: settings.asksForUsage, maximumAnswer: settings.maximumAnswer)
            return try OpenAIProvider(
                parts, client: client, identify: KeyRing.digest, wallClock: WallClock.seconds)
        }
    }

    /// Loading authorities takes milliseconds, so each set is loaded once.
    private func trust(_ file: String?) throws -> Trust {
        try trusts.withLock { trusts in
            if let known = trusts[file] { return known }
            let trust = try Trust(additionalRoots: file)
            trusts[file] = trust
            return trust
        }
    }

    /// The parts of one configuration.
    private struct Parts: Sendable {
        let assembly: Assembly
        let models: [Configuration.Model]
        let settings: [String: Configuration.Provider]
        let providers: [String: any Provider]
        /// The longest total limit of the routes to a target, by provider and model.
        private let longest: [String: Duration]
        /// The breakers that routes ask for, by provider and model.
        private let breakers: [String: CircuitBreakerPolicy]
        /// The rate limits and daily quotas that routes name, by provider and model.
        private let limits: [String: RateLimit], quotas: [String: DailyQuota.Terms]
        /// What the holders of keys prefer, by the names of the keys.
        private let keyPreferences: [String: RoutingPreferences]
        /// The providers whose models callers may name without a route, and the routes that were made for that.
        private let directProviders: Set<String>
        private let direct = DirectRoutes()

        init(assembly: Assembly, configuration: Configuration, providers: [String: any Provider]) {
            self.assembly = assembly
            models = configuration.models
            directProviders = Set(configuration.directProviders)
            settings = Dictionary(configuration.providers.map { ($0.name, $0) }) { first, _ in first }
            self.providers = providers
            longest = configuration.models.reduce(into: [:]) { longest, model in
                for target in model.targets {
                    let key = target.name
                    longest[key] = max(longest[key] ?? .zero, model.limits.total)
                }
            }
            breakers = Self.breakers(configuration.models)
            let targets = configuration.models.flatMap(\.targets)
            limits = targets.reduce(into: [:]) { $0[$1.name] = $1.limit ?? $0[$1.name] }
            quotas = targets.reduce(into: [:]) { $0[$1.name] = $1.quota ?? $0[$1.name] }
            keyPreferences = configuration.auth.keys.reduce(into: [:]) { preferences, key in
                if !key.preferences.isEmpty { preferences[key.name] = key.preferences }
            }
        }

        var identities: Set<TargetIdentity> {
            Set(
                models.flatMap(\.targets).flatMap { target -> [TargetIdentity] in
                    guard let provider = providers[target.provider] else { return [] }
                    return provider.credentials.map { identity(target, $0) }
                })
        }

        /// - Parameter sessions: Those of the route that it replaces. They are handed in: a route that looked itself up by
        ///   its name would be made for that look-up, without end.
        func route(_ model: Configuration.Model, sessions: SessionTable?) -> Route? {
            let targets = model.targets.compactMap { target -> Target? in
                guard let provider = providers[target.provider] else { return nil }
                // Direct names are the callers' choice, and metrics are kept for ever.
                let isDirect = directProviders.contains(target.provider)
                let counted =
                    isDirect
                    ? assembly.metrics.name(ofTarget: target.name, of: target.provider) : target.name
                return Target(
                    provider: provider, model: target.model, weight: target.weight, window: target.window,
                    prefill: target.prefill, facts: target.facts(limit: limits[target.name]),
                    health: provider.credentials.map {
                        health(target, $0, isMeasured: counted == target.name)
                    },
                    metrics: assembly.metrics, countedAs: counted)
            }
            guard !targets.isEmpty else { return nil }
            let shadow = model.shadow.map { strategy in
                var other = model
                other.strategy = strategy
                return Shadow(
                    route(other, targets, sessions), share: model.rollout, metrics: assembly.metrics)
            }
            return route(model, targets, shadow?.sessions ?? sessions, shadow)
        }

        private func route(
            _ model: Configuration.Model, _ targets: [Target], _ sessions: SessionTable?,
            _ shadow: Shadow? = nil
        ) -> Route {
            var selection = SelectionSettings(model.strategy)
            selection.hedges = model.hedges
            selection.preferences = model.preferences
            selection.rules = model.rules
            selection.keyPreferences = keyPreferences
            selection.callerMaySet = model.callerMaySet ?? selection.callerMaySet
            selection.sticky = model.sticky
            let attempts = AttemptSettings(
                limits: model.limits, wholeAnswer: model.wholeAnswer, minimumSpeed: model.minimumSpeed,
                failures: failures(model), retry: model.retry, brokenStreams: model.brokenStreams,
                wholeAnswers: model.wholeAnswers, learnsFirstToken: model.learnsFirstToken)
            var settings = Route.Settings(
                name: model.name, targets: targets, selection: selection, attempts: attempts)
            settings.answers = model.answers
            return Route(
                settings, metrics: assembly.metrics, chance: assembly.nextChance(), sessions: sessions,
                shadow: shadow)
        }

        private func failures(_ model: Configuration.Model) -> FailureTable {
            var table = model.strategy.learns ? FailureTable.otherTargetsFirst : .standard
            if model.passesOnRefusedContent { table.passOnRefusedContent() }
            return table
        }

        /// A route for PROVIDER/MODEL; nil if callers may not name models of such a provider.
        func directRoute(_ name: String) -> Route? {
            let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
            guard parts.count == 2, directProviders.contains(parts[0]) else { return nil }
            return direct.route(name) {
                var model = Configuration.Model(name: "\(parts[0])/*")
                model.targets = [Configuration.Target(provider: parts[0], model: parts[1])]
                return route(model, sessions: nil)
            }
        }

        /// Where a strategy learns, what it learns opens the breaker, unless a route says otherwise.
        private static func breakers(_ models: [Configuration.Model]) -> [String: CircuitBreakerPolicy] {
            var breakers: [String: CircuitBreakerPolicy] = [:]
            let learning = models.filter(\.strategy.learns).map { ($0, CircuitBreakerPolicy.learned) }
            let explicit = models.compactMap { model in model.breaker.map { (model, $0) } }
            for (model, breaker) in learning + explicit {
                for target in model.targets { breakers[target.name] = breaker }
            }
            return breakers
        }

        private func identity(_ target: Configuration.Target, _ credential: Credential) -> TargetIdentity {
            let place = settings[target.provider].map { "\($0.origin)\($0.basePath)" } ?? ""
            return TargetIdentity(
                provider: target.provider, location: place, model: target.model, key: credential.identity)
        }

        private func health(
            _ target: Configuration.Target, _ credential: Credential, isMeasured: Bool
        ) -> TargetHealth {
            var policy = breakers[target.name] ?? .target
            // A probe may take as long as any request to its target.
            let total = longest[target.name] ?? .seconds(120)
            policy.probeLease = total
            let several = (providers[target.provider]?.credentials.count ?? 1) > 1
            let label = target.name + (several ? " \(credential.label)" : "")
            var state = TargetRegistry.Settings(
                breaker: policy, bulkhead: settings[target.provider]?.concurrency,
                limit: limits[target.name], quota: quotas[target.name])
            state.isMeasured = isMeasured
            return assembly.targets.health(
                of: identity(target, credential), label: label, credential: credential.label, settings: state)
        }
    }
}

extension Configuration.Target {
    /// What strategies that learn know of it from the beginning.
    fileprivate func facts(limit: RateLimit?) -> TargetFacts {
        TargetFacts(
            inputPrice: (inputPrice ?? 0) * 1e-6, outputPrice: (outputPrice ?? 0) * 1e-6,
            quality: quality ?? 8.5, limit: limit)
    }
}
