import Routing
import Testing

/// How preferences of routes, rules, keys and requests become one, and what they weigh.
@Suite struct PreferenceTests {
    private static func preferences(_ change: (inout RoutingPreferences) -> Void) -> RoutingPreferences {
        var preferences = RoutingPreferences()
        change(&preferences)
        return preferences
    }

    private static func layers(_ name: (inout RoutingPreferences, Int) -> Void) -> [PreferenceLayer] {
        let origins: [PreferenceLayer.Origin] = [.route, .rule(0), .rule(1), .key, .request]
        return origins.enumerated().map { index, origin in
            PreferenceLayer(origin, preferences { name(&$0, index) })
        }
    }

    @Test func `the more special layer goes before the more general one, for each preference by itself`() {
        let layers = Self.layers { preferences, index in
            if index == 0 { preferences.tier = .premium }
            if index < 2 { preferences.urgency = index == 0 ? .low : .high }
            if index != 4 { preferences.prefer = [index == 3 ? .speed : .cost] }
        }
        let merged = RoutingPreferences(layers)
        #expect(merged.tier == .premium && merged.urgency == .high && merged.prefer == [.speed])
        #expect(merged.maximumCost == nil && merged.minimumQuality == nil && merged.fallback == nil)
    }

    @Test func `a request narrows the operator's limits and cannot widen them`() {
        let operators = PreferenceLayer(
            .route,
            Self.preferences { ($0.maximumCost, $0.minimumQuality, $0.fallback) = (0.5, 8, false) })
        func merged(_ cost: Double, _ quality: Double, _ fallback: Bool, _ origin: PreferenceLayer.Origin)
            -> RoutingPreferences
        {
            let layer = PreferenceLayer(
                origin,
                Self.preferences {
                    ($0.maximumCost, $0.minimumQuality, $0.fallback) = (cost, quality, fallback)
                })
            return RoutingPreferences([operators, layer])
        }
        let wider = merged(2, 7, true, .request)
        #expect(wider.maximumCost == 0.5 && wider.minimumQuality == 8 && wider.fallback == false)
        let narrower = merged(0.1, 9, false, .request)
        #expect(narrower.maximumCost == 0.1 && narrower.minimumQuality == 9 && narrower.fallback == false)
        let key = merged(2, 7, true, .key)
        #expect(key.maximumCost == 2 && key.minimumQuality == 7 && key.fallback == true)
    }

    @Test func `a request may forbid what nobody has spoken of`() {
        let layer = PreferenceLayer(
            .request, Self.preferences { ($0.fallback, $0.maximumCost, $0.minimumQuality) = (false, 1, 9) })
        let merged = RoutingPreferences([layer])
        #expect(merged.fallback == false && merged.maximumCost == 1 && merged.minimumQuality == 9)
    }

    @Test func `each preference is said with the layer that it comes from`() {
        let layers = Self.layers { preferences, index in
            switch index {
            case 0: (preferences.tier, preferences.maximumCost, preferences.urgency) = (.free, 0.25, .low)
            case 2: preferences.urgency = .critical
            case 3: preferences.prefer = [.speed, .reliability]
            case 4: preferences.maximumCost = 3
            default: break
            }
        }
        let said = PreferenceLayer.applied(layers).map { "\($0.name.rawValue)=\($0.value) \($0.origin)" }
        #expect(
            said == [
                "tier=free route", "prefer=speed, reliability key", "urgency=critical rules[1]",
                "maximum_cost=0.25 route",
            ])
    }

    @Test func `strategies that do not learn heed nothing but the fallback`() {
        func heeded(_ strategy: Strategy) -> [RoutingPreferences.Name] {
            RoutingPreferences.Name.allCases.filter { strategy.heeds($0) }
        }
        #expect(heeded(.adaptive) == RoutingPreferences.Name.allCases)
        #expect(heeded(.cheapest) == [.maximumCost, .minimumQuality, .fallback])
        #expect(heeded(.weighted) == [.fallback])
    }

    @Test(arguments: [
        (Tier.free, 0.5, 1.0, 3.0, 0.5), (.premium, 2, 1.5, 0.7, 1.5), (.enterprise, 4, 1, 0.3, 3),
    ])
    func `a tier changes four weights and sets no least quality`(
        tier: Tier, quality: Double, latency: Double, cost: Double, failure: Double
    ) {
        var expected = AdaptiveWeights()
        expected.quality *= quality
        expected.latency *= latency
        expected.cost *= cost
        expected.failure *= failure
        expected.explores = tier != .enterprise
        #expect(AdaptiveWeights(Self.preferences { $0.tier = tier }) == expected)
    }

    @Test(arguments: [(Urgency.low, 0.5), (.normal, 1), (.high, 2), (.critical, 4)])
    func `urgency is how much latency counts`(urgency: Urgency, factor: Double) {
        var expected = AdaptiveWeights()
        expected.latency *= factor
        expected.explores = urgency != .critical
        #expect(AdaptiveWeights(Self.preferences { $0.urgency = urgency }) == expected)
    }

    @Test func `several preferences are weighed together, and limits are taken over`() {
        var expected = AdaptiveWeights()
        expected.latency *= 6
        expected.failure *= 4
        expected.maximumCost = 0.02
        expected.minimumQuality = 8.2
        let preferences = Self.preferences {
            $0.prefer = [.speed, .reliability]
            $0.urgency = .high
            $0.maximumCost = 0.02
            $0.minimumQuality = 8.2
        }
        #expect(AdaptiveWeights(preferences) == expected)
        #expect(AdaptiveWeights(RoutingPreferences()) == AdaptiveWeights())
    }
}
