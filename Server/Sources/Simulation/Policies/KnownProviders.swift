/// What a policy knows of a world's providers beforehand: prices, quality, and what answers are worth.
struct KnownProviders: Sendable {
    let count: Int
    /// Dollars for one input token.
    let inputPrices: [Double]
    /// Dollars for one output token.
    let outputPrices: [Double]
    let qualities: [Double]
    /// Those that are as good as callers want.
    let normal: ProviderSet
    /// The others, which are asked only if no normal one is left.
    let low: ProviderSet
    let utility: WorldFile.Utility

    init(_ world: World, _ utility: WorldFile.Utility) {
        count = world.sites.count
        inputPrices = world.sites.map(\.inputPrice)
        outputPrices = world.sites.map(\.outputPrice)
        qualities = world.scenario.providers.map(\.quality)
        self.utility = utility
        var normal = ProviderSet(), low = ProviderSet()
        for (provider, quality) in qualities.enumerated() {
            if quality >= utility.leastQuality { normal.insert(provider) } else { low.insert(provider) }
        }
        (self.normal, self.low) = (normal, low)
    }

    /// What a provider's answer will presumably cost, in dollars.
    func expectedCost(of request: World.Request, at provider: Int) -> Double {
        Double(request.input) * inputPrices[provider] + request.estimate * outputPrices[provider]
    }

    /// What an attempt was worth to those who learn from rewards. Range: 0 ... 1.
    func reward(for request: World.Request, at provider: Int, _ result: SimulatedResult) -> Double {
        guard result.kind == .valid else { return 0 }
        let cost =
            Double(request.input) * inputPrices[provider] + Double(request.output) * outputPrices[provider]
        let worth =
            utility.success + utility.perQuality * (qualities[provider] - utility.referenceQuality)
            - utility.perSecond * result.elapsed - utility.perDollar * cost
        return max(0, min(1, worth / 1.1))
    }
}
