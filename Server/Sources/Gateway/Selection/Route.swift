import Generation
public import Resilience
import Routing
import Synchronization

/// A name that callers use, and what stands behind it.
public final class Route: Sendable {
    /// What a route is made from: each stage has its own.
    public struct Settings: Sendable {
        /// The name that callers use.
        public var name: String
        /// Those who can answer. At least one.
        public let targets: [Target]
        /// How targets are chosen.
        public var selection: SelectionSettings
        /// How they are asked.
        public var attempts: AttemptSettings
        /// What makes an answer good enough.
        public var answers = AnswerRules()
        /// What is known of the models of the targets, by their index.
        let models: [ModelTraits]

        /// Creates settings.
        public init(
            name: String, targets: [Target], selection: SelectionSettings = SelectionSettings(),
            attempts: AttemptSettings = AttemptSettings()
        ) {
            self.name = name
            self.targets = targets
            self.selection = selection
            self.attempts = attempts
            models = targets.map { target in
                ModelTraits(
                    target.model, window: target.window,
                    firstToken: attempts.learnsFirstToken && ThinkingModels.contain(target.model)
                        ? ThinkingModels.firstToken : nil)
            }
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
    let candidates: [Candidate]
    /// What every request is given that asks for nothing else; nil if each is chosen for anew.
    let inOrder: Selection?

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
        self.sessions = settings.selection.sticky == nil ? nil : sessions ?? SessionTable()
        plainTerms = Terms(
            settings.selection.preferences.isEmpty
                ? [] : [PreferenceLayer(.route, settings.selection.preferences)])
        meters = metrics.route(settings.name)
        var chance = chance
        let candidates = settings.targets.enumerated().flatMap { index, target in
            target.health.indices.map { Candidate(target: index, credential: $0) }
        }
        self.candidates = candidates
        inOrder = Self.inOrder(of: settings, candidates)
        selector =
            settings.selection.strategy.learns
            ? AdaptiveSelector(
                candidates.map { candidate in
                    let target = settings.targets[candidate.target]
                    return AdaptiveSelector.Candidate(target.health[candidate.credential], target.facts)
                }, by: settings.selection.strategy, chance: Chance(seed: chance.next())) : nil
        selection = Mutex(
            (Ranker(settings.selection.strategy, weights: settings.targets.map(\.weight)), chance))
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
