/// What only an oracle may know or have.
extension World {
    /// The tokens that an attempt would meet in the bucket of a provider's rate limit.
    ///
    /// Looks without changing anything: the time since the last attempt is filled with the limit of now.
    ///
    /// - Parameters:
    ///   - time: Seconds since the scenario's beginning, at or after the time of the last attempt at this provider.
    ///   - limitMultiple: What the limit is multiplied by, from ``conditions(at:time:input:)``.
    public func tokens(at provider: Int, time: Double, limitMultiple: Double) -> Double {
        let site = sites[provider]
        let filled = site.tokens + (time - site.refilled) * site.rateLimit * limitMultiple
        return min(max(1, site.burst * limitMultiple), filled)
    }

    /// The same world at its beginning, in which rate limits and load hardly bind: each provider has a thousand times
    /// the rate, the burst and the soft concurrency. Its luck and its incidents are the same.
    public func withoutLimits() -> World {
        var world = self
        world.sites = zip(scenario.providers, sites).map { provider, site in
            var roomy = provider
            roomy.rateLimit *= 1e3
            roomy.burst *= 1e3
            roomy.softConcurrency *= 1e3
            return Site(roomy, strains: site.strains)
        }
        world.tries = Array(repeating: 0, count: tries.count)
        return world
    }
}
