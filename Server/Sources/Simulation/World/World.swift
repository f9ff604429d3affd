/// What a routing policy is tried in: requests that arrive, and providers that answer, fail, hang and refuse, in virtual
/// time.
///
/// All luck comes from ``CounterRandom``: what request 12 meets at provider 4 at a moment does not depend on what was
/// asked before, so every policy meets the same world. Only a provider's token bucket and its attempts in flight remember
/// what the policy did. A copy of a world is a world of its own that begins where the first one is.
///
/// All times are seconds since the scenario's beginning, all amounts of money dollars. One attempt costs about a tenth of a
/// microsecond and allocates nothing.
public struct World: Sendable {
    /// One request of a caller.
    public struct Request: Sendable, Hashable {
        /// Its number in the order of arrivals, from 0.
        public let index: Int
        /// When it arrives, in seconds.
        public let arrival: Double
        /// Its tokens.
        public let input: Int
        /// The tokens of each answer to it.
        public let output: Int
        /// What a policy may know of ``output``: an estimate that is off by a random factor. Range: 1 or more.
        public let estimate: Double
        /// Whether every provider refuses it as the caller's mistake.
        public let isBad: Bool
    }

    /// A provider's figures, as an attempt needs them, and its state.
    struct Site: Sendable {
        /// Dollars for one input token.
        let inputPrice: Double
        /// Dollars for one output token.
        let outputPrice: Double
        let invalidShare, errorShare, hangShare: Double
        let firstTokenMedian, firstTokenSigma, tokenMedian, tokenSigma: Double
        let tailShare, tailMultiple: Double
        let rateLimit, burst, softConcurrency: Double
        /// The provider's strains in ``World/strains``.
        let strains: Range<Int>

        /// The tokens in the bucket of its rate limit at ``refilled``.
        var tokens: Double
        /// When the bucket was last looked at, in seconds.
        var refilled = 0.0
        /// The attempts that began and have not ended.
        var inFlight = 0
    }

    /// The scenario that takes place.
    public let scenario: WorldFile.Scenario
    /// What the world's luck is made of. Public comparisons use 1000, 1001 and so on.
    public let seed: UInt64
    /// All requests in the order of their arrivals.
    public let requests: [Request]

    /// The providers, in the scenario's order.
    var sites: [Site]
    /// What incidents do to the providers, one provider after the other, each in the order of beginnings.
    let strains: [Strain]
    /// How often each request was tried at each provider; all providers of the first request, then of the second.
    var tries: [UInt16]

    /// Creates the world of a scenario at its beginning: buckets are full, and nothing is in flight.
    ///
    /// Draws all arrivals, which takes about 100 ns for each.
    public init(_ scenario: WorldFile.Scenario, in file: WorldFile, seed: UInt64) {
        self.scenario = scenario
        self.seed = seed
        requests = Self.arrivals(of: scenario, sizes: file.tokenTable, seed: seed)
        var strains: [Strain] = []
        sites = scenario.providers.enumerated().map { index, provider in
            let first = strains.count
            strains += Strain.all(of: scenario.incidents, at: index)
            return Site(provider, strains: first..<strains.count)
        }
        self.strains = strains
        tries = Array(repeating: 0, count: requests.count * scenario.providers.count)
    }

    /// The attempts at a provider that began and have not ended.
    public func inFlight(at provider: Int) -> Int { sites[provider].inFlight }

    /// Notes that an attempt at a provider is in flight from now on. The more there are, the slower are those that begin.
    public mutating func begin(at provider: Int) {
        sites[provider].inFlight += 1
    }

    /// Notes that an attempt at a provider has ended or was given up.
    public mutating func end(at provider: Int) {
        sites[provider].inFlight = max(0, sites[provider].inFlight - 1)
    }
}

extension World.Site {
    init(_ provider: WorldFile.Provider, strains: Range<Int>) {
        inputPrice = provider.inputPrice * 1e-6
        outputPrice = provider.outputPrice * 1e-6
        (invalidShare, errorShare, hangShare) =
            (provider.invalidShare, provider.errorShare, provider.hangShare)
        (firstTokenMedian, firstTokenSigma) = (provider.firstTokenMedian, provider.firstTokenSigma)
        (tokenMedian, tokenSigma) = (provider.tokenMedian, provider.tokenSigma)
        (tailShare, tailMultiple) = (provider.tailShare, provider.tailMultiple)
        (rateLimit, burst) = (provider.rateLimit, provider.burst)
        softConcurrency = provider.softConcurrency
        self.strains = strains
        tokens = provider.burst
    }
}
