import Routing
import Testing

@testable import Gateway

/// What applies to a request of all that a route, its rules, a key and the request itself ask for.
@Suite struct RouteTermsTests {
    private static func preferences(_ change: (inout RoutingPreferences) -> Void) -> RoutingPreferences {
        var preferences = RoutingPreferences()
        change(&preferences)
        return preferences
    }

    /// 16 November 2026, a Monday, at that hour in UTC.
    private static func milliseconds(_ hour: Int64) -> Int64 { (1_794_787_200 + hour * 3600) * 1000 }

    private let route = RouteStage().route(.adaptive) { settings in
        settings.selection.preferences = preferences { ($0.urgency, $0.maximumCost) = (.low, 0.5) }
        settings.selection.rules = [TimeRule(begin: 540, end: 1080, preferences { $0.urgency = .high })]
        settings.selection.keyPreferences = [
            "web": preferences { ($0.urgency, $0.prefer) = (.critical, [.speed]) }
        ]
    }

    private func urgency(_ wishes: Urgency? = nil, caller: String? = nil, hour: Int64) -> String? {
        let asked = wishes.map { urgency in Self.preferences { $0.urgency = urgency } }
        let terms = route.terms(
            CallerWishes(preferences: asked), caller: caller, atMilliseconds: Self.milliseconds(hour))
        return PreferenceLayer.applied(terms.layers).first { $0.name == .urgency }
            .map { "\($0.value) \($0.origin)" }
    }

    @Test func `a rule goes before its route in its hours, a key before both, and a request before all`() {
        #expect(urgency(hour: 20) == "low route")
        #expect(urgency(hour: 10) == "high rules[0]")
        #expect(urgency(caller: "other", hour: 10) == "high rules[0]")
        #expect(urgency(caller: "web", hour: 10) == "critical key")
        #expect(urgency(.normal, caller: "web", hour: 10) == "normal request")
        #expect(urgency(.normal, hour: 20) == "normal request")
    }

    @Test(arguments: [(2.0, 0.5, false), (0.1, 0.1, true)])
    func `whose limit of the cost holds is known`(asked: Double, holds: Double, isCallers: Bool) {
        let wishes = CallerWishes(preferences: Self.preferences { $0.maximumCost = asked })
        let terms = route.terms(wishes, caller: nil, atMilliseconds: Self.milliseconds(20))
        #expect(terms.weights.maximumCost == holds && terms.isCostOfRequest == isCallers)
    }
}
