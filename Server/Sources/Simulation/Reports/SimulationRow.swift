/// What one policy did in one scenario with one seed.
///
/// Shares are from 0 to 1, times are seconds, costs are dollars. A figure that does not exist, as the time of a failover
/// where none happened, is `Double.nan`; an encoder writes `null` for it.
public struct SimulationRow: Sendable, Hashable {
    /// The policy's name.
    public var policy: String
    /// The scenario's name.
    public var scenario: String
    /// What the world's luck was made of.
    public var seed: UInt64
    /// How many requests count: all but those that every provider refuses as the caller's mistake.
    public var requests: Int
    /// How many of them had a failed attempt.
    public var recoveries: Int
    /// The share of requests that ended well.
    public var success = Double.nan
    /// The share of requests that ended well with no failed attempt.
    public var firstTry = Double.nan
    /// Dollars for 1,000 successes.
    public var costPerThousand = Double.nan
    /// The mean latency of successes, in seconds.
    public var latencyMean = Double.nan
    /// The latency that half of the successes keep, in seconds.
    public var latencyP50 = Double.nan
    /// The latency that 95 % of the successes keep, in seconds.
    public var latencyP95 = Double.nan
    /// The latency that 99 % of the successes keep, in seconds.
    public var latencyP99 = Double.nan
    /// The share of requests with a failed attempt that ended well.
    public var recovered = Double.nan
    /// The share of failovers whose winning attempt began within 5 s of the request's arrival.
    public var failoverUnderFiveSeconds = Double.nan
    /// How long after the arrival the winning attempt began in 99 % of the failovers, in seconds.
    public var failoverP99 = Double.nan
    /// Attempts for each request.
    public var amplification = Double.nan
    /// Refusals by a rate limit for each request.
    public var rateLimited = Double.nan
    /// Hedges for each request.
    public var hedged = Double.nan
    /// The mean quality of the answers, from 0 to 10.
    public var quality = Double.nan
    /// The mean utility of the requests.
    public var utility = Double.nan
    /// The utility in per cent of the oracle's in the same world; nil when the oracle was not run. 100 is as good.
    public var percentOfOracle: Double?

    /// Creates a row whose figures do not exist yet.
    public init(policy: String, scenario: String, seed: UInt64, requests: Int = 0, recoveries: Int = 0) {
        self.policy = policy
        self.scenario = scenario
        self.seed = seed
        self.requests = requests
        self.recoveries = recoveries
    }

    /// A figure by its name; not a number if it does not exist.
    public subscript(figure: SimulationFigure) -> Double {
        get {
            guard let path = Self.path(of: figure) else {
                return percentOfOracle ?? .nan
            }
            return self[keyPath: path]
        }
        set {
            if let path = Self.path(of: figure) {
                self[keyPath: path] = newValue
            } else {
                percentOfOracle = newValue.isFinite ? newValue : nil
            }
        }
    }

    /// Where a figure is; nil for the only one that is optional.
    private static func path(of figure: SimulationFigure) -> WritableKeyPath<SimulationRow, Double>? {
        switch figure {
        case .success: \.success
        case .firstTry: \.firstTry
        case .costPerThousand: \.costPerThousand
        case .latencyMean: \.latencyMean
        case .latencyP50: \.latencyP50
        case .latencyP95: \.latencyP95
        case .latencyP99: \.latencyP99
        case .recovered: \.recovered
        case .failoverUnderFiveSeconds: \.failoverUnderFiveSeconds
        case .failoverP99: \.failoverP99
        case .amplification: \.amplification
        case .rateLimited: \.rateLimited
        case .hedged: \.hedged
        case .quality: \.quality
        case .utility: \.utility
        case .percentOfOracle: nil
        }
    }
}

extension SimulationRow: Codable {
    /// The names in a document; those of the figures are ``SimulationFigure``'s.
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Reads a row; a figure that is `null` or absent does not exist.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.init(
            policy: try container.decode(String.self, forKey: Key("policy")),
            scenario: try container.decode(String.self, forKey: Key("scenario")),
            seed: try container.decode(UInt64.self, forKey: Key("seed")),
            requests: try container.decodeIfPresent(Int.self, forKey: Key("requests")) ?? 0,
            recoveries: try container.decodeIfPresent(Int.self, forKey: Key("recoveries")) ?? 0)
        for figure in SimulationFigure.allCases {
            self[figure] = try container.decodeIfPresent(Double.self, forKey: Key(figure.rawValue)) ?? .nan
        }
    }

    /// Writes all fields, `null` for figures that do not exist.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(policy, forKey: Key("policy"))
        try container.encode(scenario, forKey: Key("scenario"))
        try container.encode(seed, forKey: Key("seed"))
        try container.encode(requests, forKey: Key("requests"))
        try container.encode(recoveries, forKey: Key("recoveries"))
        for figure in SimulationFigure.allCases {
            let key = Key(figure.rawValue)
            if self[figure].isFinite {
                try container.encode(self[figure], forKey: key)
            } else {
                try container.encodeNil(forKey: key)
            }
        }
    }
}
