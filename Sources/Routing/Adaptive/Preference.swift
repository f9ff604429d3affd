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
    /// Quality and success count most.
    case enterprise
}

extension AdaptiveWeights {
    /// The weights for a tier that prefers something.
    public init(_ tier: Tier, preferring preference: Preference) {
        self.init()
        switch tier {
        case .free: scale(quality: 0.5, cost: 3, failure: 0.5)
        case .standard: break
        case .premium: scale(quality: 2, latency: 1.5, cost: 0.7, failure: 1.5)
        case .enterprise: scale(quality: 4, cost: 0.3, failure: 3)
        }
        prefer(preference)
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
