/// What a route or a caller cares most about.
public enum Preference: String, Sendable, Hashable, CaseIterable {
    /// Nothing more than anything else.
    case balanced
    /// A quick answer: latency counts three times.
    case speed
    /// A good answer: quality counts four times.
    case quality
    /// A cheap answer: each dollar counts three times.
    case cost
    /// An answer at the first try: a failed attempt counts four times.
    case reliability
}

/// Whom a route serves: how much its callers' time and money count.
public enum Tier: String, Sendable, Hashable, CaseIterable {
    /// Money counts most.
    case free
    /// As the weights are.
    case standard
    /// Quality and time count more, money less.
    case premium
    /// Quality and success count most, and nobody is asked only to learn how it is.
    case enterprise
}

/// How soon an answer is needed: how much latency counts.
public enum Urgency: String, Sendable, Hashable, CaseIterable {
    /// Nobody waits for it: latency counts half.
    case low
    /// As the weights are.
    case normal
    /// Somebody waits for it: latency counts twice.
    case high
    /// Latency counts four times, and nobody is asked only to learn how it is.
    case critical
}

extension AdaptiveWeights {
    /// The balanced weights, changed by what is preferred.
    ///
    /// A tier changes weights only and sets no least quality: that is a point on the scale of a route's own targets.
    public init(_ preferences: RoutingPreferences) {
        self.init()
        switch preferences.tier ?? .standard {
        case .free: scale(quality: 0.5, cost: 3, failure: 0.5)
        case .standard: break
        case .premium: scale(quality: 2, latency: 1.5, cost: 0.7, failure: 1.5)
        case .enterprise: scale(quality: 4, cost: 0.3, failure: 3)
        }
        for preference in preferences.prefer ?? [] { prefer(preference) }
        switch preferences.urgency ?? .normal {
        case .low: scale(latency: 0.5)
        case .normal: break
        case .high: scale(latency: 2)
        case .critical: scale(latency: 4)
        }
        minimumQuality = preferences.minimumQuality ?? 0
        maximumCost = preferences.maximumCost ?? .infinity
        explores = preferences.tier != .enterprise && preferences.urgency != .critical
    }

    /// Weighs what is preferred more.
    public mutating func prefer(_ preference: Preference) {
        switch preference {
        case .balanced: break
        case .speed: scale(latency: 3)
        case .quality: scale(quality: 4)
        case .cost: scale(cost: 3)
        case .reliability: scale(failure: 4)
        }
    }

    private mutating func scale(
        quality: Double = 1, latency: Double = 1, cost: Double = 1, failure: Double = 1
    ) {
        self.quality *= quality
        self.latency *= latency
        self.cost *= cost
        self.failure *= failure
    }
}
