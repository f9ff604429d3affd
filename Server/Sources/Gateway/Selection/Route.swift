public import Generation
import NIOCore
public import Resilience
public import Routing
import Synchronization

/// A name that callers use, and what stands behind it.
public final class Route: Sendable {
    /// What a route is made from.
    public struct Settings: Sendable {
        /// The name that callers use.
        public var name: String
        /// What orders the targets. Default: priority.
        public var strategy: Strategy
        /// Those who can answer. At least one.
        public let targets: [Target]
        /// The limits of one attempt.
        public var limits: PhaseLimits
        /// How long an answer may take to begin that the provider does not stream, since its head comes with its end.
        public var wholeAnswer: Duration
        /// The smallest share of a target's usual speed at which a stream is waited for of which nothing was delivered; 0
        /// for no limit. Default: 0.1.
        public var minimumSpeed: Double
        /// What to do about each class of failure.
        public var failures: FailureTable
        /// How hard to try.
        public var retry: RetrySettings
        /// What becomes of a stream that breaks after a part of it was delivered.
        public var brokenStreams: BrokenStreams
        /// How whole answers are asked for.
        public var wholeAnswers: WholeAnswers
        /// What makes an answer good enough.
        public var answers = AnswerRules()
        /// What is preferred.
        public var preferences = RoutingPreferences()
        /// What is preferred at certain times; the later of two that apply goes before the earlier.
        public var rules: [TimeRule] = []
        /// What the holders of keys prefer, by the names of the keys.
        public var keyPreferences: [String: RoutingPreferences] = [:]
        /// What a request may prefer for itself. Default: everything but a tier.
        public var callerMaySet = Set(RoutingPreferences.Name.allCases).subtracting([.tier])
        /// How sessions are kept at their targets; nil if they are not.
        public var sticky: Stickiness?
        /// Whether a target that is slow to begin its answer is hedged, on routes whose strategy learns. Default: true.
        public var hedges = true

        /// Whether a target that is known to think, or has shown that its first tokens take long, gets more time for one than
        /// the limit. Default: true.
        public let learnsFirstToken: Bool
        /// What is known of the models of the targets, by their index.
        let models: [Execution.Model]

        /// Creates settings.
        public init(
            name: String, strategy: Strategy = .priority, targets: [Target],
            limits: PhaseLimits = PhaseLimits(),
            wholeAnswer: Duration = .seconds(30), minimumSpeed: Double = 0.1,
            failures: FailureTable = .standard, retry: RetrySettings = RetrySettings(),
            brokenStreams: BrokenStreams = .splice, wholeAnswers: WholeAnswers = .auto,
            learnsFirstToken: Bool = true
        ) {
            self.learnsFirstToken = learnsFirstToken
            self.name = name
            self.strategy = strategy
            self.targets = targets
            models = targets.map { target in
                Execution.Model(
                    target.model, window: target.window,
                    firstToken: learnsFirstToken && ThinkingModels.contain(target.model)
                        ? ThinkingModels.firstToken : nil)
            }
            self.limits = limits
            self.wholeAnswer = wholeAnswer
            self.minimumSpeed = minimumSpeed
            self.failures = failures
            self.retry = retry
            self.brokenStreams = brokenStreams
            self.wholeAnswers = wholeAnswers
        }
    }

    /// What the route was made from.
    public let settings: Settings
    let meters: GatewayMetrics.PerRoute
    private let selection: Mutex<(ranker: Ranker, chance: Chance)>
    /// Chooses for strategies that learn; nil for the others.
    let selector: AdaptiveSelector?
    /// What applies to a request for which nobody asks for anything.
    let plainTerms: Terms
    /// The strategy that ranks beside its own; nil for none.
    let shadow: Shadow?
    /// Where sessions are; nil if they are not kept.
    public let sessions: SessionTable?
    /// All targets with each of their keys.
    let candidates: [Execution.Candidate]

    /// Creates a route that counts with `metrics`.
    ///
    /// - Parameters:
    ///   - sessions: Those of the route that it replaces, if any.
    ///   - shadow: The strategy that ranks beside its own, whose route has the same targets and sessions.
    public init(
        _ settings: Settings, metrics: GatewayMetrics, chance: Chance, sessions: SessionTable? = nil,
        shadow: Shadow? = nil
    ) {
        self.settings = settings
        self.shadow = shadow
        self.sessions = settings.sticky == nil ? nil : sessions ?? SessionTable()
        plainTerms = Terms(
            settings.preferences.isEmpty ? [] : [PreferenceLayer(.route, settings.preferences)])
        meters = metrics.route(settings.name)
        var chance = chance
        let candidates = settings.targets.enumerated().flatMap { index, target in
            target.health.indices.map { Execution.Candidate(target: index, credential: $0) }
        }
        self.candidates = candidates
        selector =
            settings.strategy.learns
            ? AdaptiveSelector(
                candidates.map { candidate in
                    let target = settings.targets[candidate.target]
                    return AdaptiveSelector.Candidate(target.health[candidate.credential], target.facts)
                }, by: settings.strategy, chance: Chance(seed: chance.next())) : nil
        selection = Mutex((Ranker(settings.strategy, weights: settings.targets.map(\.weight)), chance))
    }

    /// Chance for one request's waits.
    var chance: Chance { selection.withLock { Chance(seed: $0.chance.next()) } }

    /// The targets in the order in which one request is to try them, with reasons, and chance for its waits.
    func plan() -> (places: [Ranker.Place], chance: Chance) {
        selection.withLock { selection in
            (selection.ranker.rank(&selection.chance), Chance(seed: selection.chance.next()))
        }
    }
}

/// One who can answer for a route: a model of a provider.
public final class Target: Sendable {
    /// Who is asked.
    public let provider: any Provider
    /// The model's name at the provider.
    public let model: String
    /// The same as JSON, for each request to it.
    let quotedModel: ByteBuffer
    /// Its share under the weighted strategy.
    public let weight: Int
    /// How many tokens prompt and answer may have together; nil if that is not known.
    public let window: Int?
    /// How it is asked to go on with a text that another began; nil if it cannot.
    public let prefill: Prefill?
    /// Its prices, quality and limits, for strategies that learn.
    public let facts: TargetFacts
    /// What is known about it and shared with other requests, by the provider's keys in order.
    public let health: [TargetHealth]
    /// The target as it is shown to people.
    public let name: String
    let meters: GatewayMetrics.PerTarget

    /// Creates a target that counts with `metrics`.
    ///
    /// - Parameter countedAs: The name that its counts go by; nil for its own.
    public init(
        provider: any Provider, model: String, weight: Int = 1, window: Int? = nil,
        prefill: Prefill? = nil,
        facts: TargetFacts = TargetFacts(inputPrice: 0, outputPrice: 0, quality: 8.5),
        health: [TargetHealth],
        metrics: GatewayMetrics, countedAs: String? = nil
    ) {
        self.provider = provider
        self.model = model
        quotedModel = ByteBuffer(string: JSONEscapes.quoted(model))
        self.weight = weight
        self.window = window
        self.prefill = prefill
        self.facts = facts
        self.health = health
        name = "\(provider.name)/\(model)"
        meters = metrics.target(countedAs ?? name)
    }
}

/// What becomes of a stream that breaks after a part of it was delivered.
public enum BrokenStreams: String, Sendable, Hashable, CaseIterable {
    /// The next target answers from scratch; if its text begins with what was delivered, the rest of it follows.
    case splice
    /// The next target that can is given what was delivered and goes on; others as with `splice`.
    case goOn = "continue"
    /// Nothing is delivered before the whole answer is there, so that another target can always take over.
    case buffer
    /// It is said to be broken.
    case off
}

/// How hard a route tries.
public struct RetrySettings: Sendable, Hashable {
    /// The attempts that one request may cost, over all targets. Range: 1 to 20. Default: 5.
    public var maximumAttempts: Int
    /// How long one request may wait in all, for a Retry-After or a backoff. Default: 2.5 s.
    public var patience: Duration

    /// Creates settings.
    public init(maximumAttempts: Int = 5, patience: Duration = .milliseconds(2500)) {
        self.maximumAttempts = maximumAttempts
        self.patience = patience
    }
}
