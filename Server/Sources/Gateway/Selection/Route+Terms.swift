public import Routing

/// What a caller asks for beside its answer.
public struct CallerWishes: Sendable {
    /// What the request prefers, within what its route lets callers set; nil if it says nothing.
    public var preferences: RoutingPreferences?
    /// The session that the request belongs to, if its route is sticky.
    public var session: StickySessions.Key?

    /// Creates wishes.
    public init(preferences: RoutingPreferences? = nil, session: StickySessions.Key? = nil) {
        self.preferences = preferences
        self.session = session
    }
}

extension Route {
    /// What applies to one request.
    struct Terms: Sendable {
        /// Where it comes from, the most general first.
        var layers: [PreferenceLayer]
        /// What strategies that learn weigh.
        var weights: AdaptiveWeights
        /// Whether another target may be asked than the first.
        var fallsBack: Bool
        /// The session to be kept at its target.
        var session: StickySessions.Key?

        init(_ layers: [PreferenceLayer]) {
            let preferences = RoutingPreferences(layers)
            self.layers = layers
            weights = AdaptiveWeights(preferences)
            fallsBack = preferences.fallback ?? true
        }

        /// Whether the request itself set the most that it may cost.
        var isCostOfRequest: Bool {
            layers.last?.origin == .request && layers.last?.preferences.maximumCost == weights.maximumCost
        }
    }

    /// What applies to a request: the route's preferences, then those of its rules for the time, the key and the request.
    func terms(_ wishes: CallerWishes, caller: String?, atMilliseconds milliseconds: Int64) -> Terms {
        let key =
            settings.selection.keyPreferences.isEmpty
            ? nil : caller.flatMap { settings.selection.keyPreferences[$0] }
        var terms = plainTerms
        if key != nil || wishes.preferences != nil || !settings.selection.rules.isEmpty {
            var layers = plainTerms.layers
            for (index, rule) in settings.selection.rules.enumerated()
            where rule.applies(at: milliseconds / 1000) {
                layers.append(PreferenceLayer(.rule(index), rule.preferences))
            }
            if let key { layers.append(PreferenceLayer(.key, key)) }
            if let wishes = wishes.preferences { layers.append(PreferenceLayer(.request, wishes)) }
            terms = Terms(layers)
        }
        terms.session = wishes.session
        return terms
    }
}
