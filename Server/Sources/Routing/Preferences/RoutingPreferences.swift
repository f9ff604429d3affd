/// What is asked for beside an answer: by a route, a rule of it, a caller's key or a request. What is nil is not said.
public struct RoutingPreferences: Sendable, Hashable {
    /// The names of the preferences, as they are in a configuration.
    public enum Name: String, Sendable, Hashable, CaseIterable {
        case tier
        case prefer
        case urgency
        case maximumCost = "maximum_cost"
        case minimumQuality = "minimum_quality"
        case fallback
    }

    /// Whom it is for. Default: standard.
    public var tier: Tier?
    /// What counts more than usual; each changes a weight. Default: nothing.
    public var prefer: [Preference]?
    /// How soon the answer is needed. Default: normal.
    public var urgency: Urgency?
    /// The most dollars that the request may be expected to cost. Range: 0 or more. Default: no limit.
    public var maximumCost: Double?
    /// Targets of lower quality are only asked when no other can be. Range: 0 to 10. Default: 0.
    public var minimumQuality: Double?
    /// Whether another target may be asked than the one that is asked first. Default: true.
    public var fallback: Bool?

    /// Creates preferences that say nothing.
    public init() {}

    /// Puts layers together, the most general first.
    public init(_ layers: [PreferenceLayer]) {
        for layer in layers { take(layer) }
    }

    /// Whether nothing is said.
    public var isEmpty: Bool { self == RoutingPreferences() }

    /// Takes over what `layer` says. Limits of a request only narrow those that it meets, since these are the operator's.
    mutating func take(_ layer: PreferenceLayer) {
        let other = layer.preferences
        tier = other.tier ?? tier
        prefer = other.prefer ?? prefer
        urgency = other.urgency ?? urgency
        let isRequest = layer.origin == .request
        if let cost = other.maximumCost {
            maximumCost = isRequest ? min(cost, maximumCost ?? cost) : cost
        }
        if let quality = other.minimumQuality {
            minimumQuality = isRequest ? max(quality, minimumQuality ?? quality) : quality
        }
        if let may = other.fallback { fallback = isRequest ? may && fallback ?? true : may }
    }

    /// The value of a preference as it is written; nil if it is not said.
    public func text(of name: Name) -> String? {
        switch name {
        case .tier: tier?.rawValue
        case .prefer: prefer?.map(\.rawValue).joined(separator: ", ")
        case .urgency: urgency?.rawValue
        case .maximumCost: maximumCost.map { "\($0)" }
        case .minimumQuality: minimumQuality.map { "\($0)" }
        case .fallback: fallback.map { "\($0)" }
        }
    }
}

extension Strategy {
    /// Whether a preference changes anything under it.
    public func heeds(_ name: RoutingPreferences.Name) -> Bool {
        switch name {
        case .tier, .prefer, .urgency: self == .adaptive
        case .maximumCost, .minimumQuality: learns
        case .fallback: true
        }
    }
}

/// Preferences, and who has them.
public struct PreferenceLayer: Sendable, Hashable {
    /// Who has preferences, the most general first.
    public enum Origin: Sendable, Hashable, CustomStringConvertible {
        /// The route's configuration.
        case route
        /// A rule of the route, by its place in the list.
        case rule(Int)
        /// The caller's key.
        case key
        /// The request itself.
        case request

        /// The origin as it is shown to people.
        public var description: String {
            switch self {
            case .route: "route"
            case .rule(let index): "rules[\(index)]"
            case .key: "key"
            case .request: "request"
            }
        }
    }

    /// A preference that applies.
    public struct Applied: Sendable, Hashable {
        /// Its name.
        public var name: RoutingPreferences.Name
        /// Its value as it is written.
        public var value: String
        /// Who asked for it.
        public var origin: Origin
    }

    /// Who has them.
    public var origin: Origin
    /// What they are.
    public var preferences: RoutingPreferences

    /// Creates a layer.
    public init(_ origin: Origin, _ preferences: RoutingPreferences) {
        self.origin = origin
        self.preferences = preferences
    }

    /// What applies of layers, the most general first, and where each comes from.
    public static func applied(_ layers: [Self]) -> [Applied] {
        var merged = RoutingPreferences()
        var applied: [RoutingPreferences.Name: Applied] = [:]
        for layer in layers {
            merged.take(layer)
            for name in RoutingPreferences.Name.allCases {
                guard let value = merged.text(of: name), value == layer.preferences.text(of: name) else {
                    continue
                }
                applied[name] = Applied(name: name, value: value, origin: layer.origin)
            }
        }
        return RoutingPreferences.Name.allCases.compactMap { applied[$0] }
    }
}
