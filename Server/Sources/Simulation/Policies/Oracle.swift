import Foundation
public import Routing

/// Knows the state of each provider and the true size of each answer when it chooses, but not the luck of an attempt: a
/// bound for what a policy could reach.
public struct Oracle: SimulatedPolicy {
    /// What an oracle minds beside the forecast worth.
    public enum Kind: Sendable, Hashable {
        /// Nothing.
        case state
        /// A price for what is scarce in a rate limit, and for the attempts that fail; it also hedges, after the time
        /// in which 99 of 100 first tokens would come.
        case bid
        /// The failing attempts, and it hedges. For a world without limits only, ``World/withoutLimits()``: an upper
        /// bound for all policies in the world as it is.
        case relaxed
    }

    /// What does not change of a provider.
    private struct Site: Sendable {
        let firstTokenMean, firstTokenMedian, tokenMean: Double
        /// What the median time to the first token is multiplied by for its limit, and until a hedge.
        let limitMultiple, hedgeMultiple: Double
        let burst, softConcurrency: Double

        init(_ site: World.Site) {
            let sigma = site.firstTokenSigma
            firstTokenMedian = site.firstTokenMedian
            firstTokenMean = site.firstTokenMedian * exp(sigma * sigma / 2)
            tokenMean = site.tokenMedian * exp(site.tokenSigma * site.tokenSigma / 2)
            limitMultiple = 1.3 * exp(4 * sigma)
            hedgeMultiple = exp(2.4 * sigma)
            (burst, softConcurrency) = (site.burst, site.softConcurrency)
        }

        /// The limit for the first token, in seconds.
        func limit(_ now: World.Conditions) -> Double {
            min(Oracle.longest, max(1, firstTokenMedian * now.firstTokenMultiple * limitMultiple))
        }

        /// Seconds until a hedge.
        func hedgeDelay(_ now: World.Conditions) -> Double {
            min(Oracle.longest, firstTokenMedian * now.firstTokenMultiple * hedgeMultiple)
        }
    }

    /// The price of an empty bucket, in points of worth.
    private static let scarcity = 0.35
    /// What each failed attempt costs on the way to a success, in points of worth.
    private static let failurePrice = 0.25
    /// The mean time of an attempt that ends with a server's error, in seconds.
    private static let errorTime = 0.36
    /// The least share of successes with which a provider is asked.
    private static let leastSuccess = 0.05
    /// Longer than any request may take, in seconds.
    private static let longest = 1e6

    /// Six.
    public let maximumAttempts = 6
    /// 30 s.
    public let attemptLimit = 30.0
    private let kind: Kind
    private let providers: KnownProviders
    private let sites: [Site]

    /// Creates an oracle for a world. It draws no random numbers.
    public init(_ world: World, utility: WorldFile.Utility, seed: UInt64, _ kind: Kind) {
        self.kind = kind
        providers = KnownProviders(world, utility)
        sites = world.sites.map { Site($0) }
    }

    /// The provider with the highest worth, or a short wait if none can answer now.
    public mutating func plan(for request: SimulatedRequest, at time: Double, in world: World) -> Plan {
        guard request.attempts < maximumAttempts else {
            var plan = Plan([])
            plan.givesUp = true
            return plan
        }
        let provider =
            best(of: providers.normal, for: request, at: time, in: world)
            ?? best(of: providers.low, for: request, at: time, in: world)
        guard let provider else { return Plan([], standBy: Plan.StandBy(0.25)) }
        let now = world.conditions(at: provider, time: time, input: request.request.input)
        var choice = Plan.Choice(provider)
        choice.firstToken = .seconds(sites[provider].limit(now))
        if kind != .state { choice.hedgeAfter = .seconds(sites[provider].hedgeDelay(now)) }
        choice.isForced = request.hasFailed(at: provider)
        return Plan([choice])
    }

    /// The best one of those that have not failed.
    public mutating func hedge(
        _ request: SimulatedRequest, beside attempt: SimulatedAttempt, at time: Double, in world: World
    ) -> Plan? {
        guard kind != .state else { return nil }
        var candidates = providers.normal.untried(by: request)
        candidates.remove(attempt.provider)
        guard let provider = best(of: candidates, for: request, at: time, in: world) else { return nil }
        let now = world.conditions(at: provider, time: time, input: request.request.input)
        var choice = Plan.Choice(provider)
        choice.firstToken = .seconds(sites[provider].limit(now))
        return Plan([choice])
    }

    /// Nothing is learned: an oracle knows.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {}

    /// The provider with the highest worth; nil if none can answer now.
    private func best(
        of candidates: ProviderSet, for request: SimulatedRequest, at time: Double, in world: World
    ) -> Int? {
        var best: Int?, highest = -1e9
        for provider in candidates {
            guard let worth = worth(of: provider, for: request.request, at: time, in: world), worth > highest
            else { continue }
            (best, highest) = (provider, worth)
        }
        return best
    }

    /// What an attempt is worth, less what the failed attempts cost that come before a success; nil if it is refused or
    /// hardly ever succeeds.
    private func worth(
        of provider: Int, for request: World.Request, at time: Double, in world: World
    ) -> Double? {
        let site = sites[provider], utility = providers.utility
        let now = world.conditions(at: provider, time: time, input: request.input)
        let tokens = world.tokens(at: provider, time: time, limitMultiple: now.limitMultiple)
        guard tokens >= 1 else { return nil }
        let hangs = (1 - now.errorShare) * now.hangShare
        let invalid = (1 - now.errorShare - hangs) * now.invalidShare
        let succeeds = 1 - now.errorShare - hangs - invalid
        guard succeeds > Self.leastSuccess else { return nil }
        let excess = Double(world.inFlight(at: provider)) - site.softConcurrency
        let load = 1 + max(0, excess) / site.softConcurrency
        let latency =
            load
            * (site.firstTokenMean * now.firstTokenMultiple
                + Double(request.output) * site.tokenMean * now.tokenMultiple)
        let price = utility.perDollar * world.cost(of: request, at: provider)
        let quality = utility.perQuality * (providers.qualities[provider] - utility.referenceQuality)
        let lost = now.errorShare * Self.errorTime + hangs * site.limit(now) + invalid * latency
        let failures = (utility.perSecond * lost + invalid * price) / succeeds
        let worth = utility.success + quality - utility.perSecond * latency - price - failures
        guard kind != .state else { return worth }
        let used = kind == .bid ? 1 - tokens / site.burst : 0
        return worth - Self.scarcity * used * used - Self.failurePrice * (1 - succeeds) / succeeds
    }
}
