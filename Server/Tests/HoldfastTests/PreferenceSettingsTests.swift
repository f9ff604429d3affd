import Gateway
import Routing
import Testing

@testable import holdfast

/// What a configuration says of preferences, rules and sessions.
@Suite struct PreferenceSettingsTests {
    private func load(_ text: String) throws -> Configuration {
        try ConfigurationLoader.parse(text, file: "holdfast.yaml", environment: [:])
    }

    private func model(_ settings: String, strategy: String = "adaptive", prices: Bool = true) throws
        -> Configuration.Model
    {
        let text = """
            providers: { a: { kind: simulated } }
            models:
              m:
                strategy: \(strategy)
                targets: [ { provider: a, model: x\(prices ? ", price_in: 1, price_out: 2" : "") } ]
            \(settings.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
            """
        return try #require(try load(text).models.first)
    }

    /// The mistakes of a model's settings, each as `path: text`.
    private func mistakes(_ settings: String, strategy: String = "adaptive", prices: Bool = true) -> [String]
    {
        do {
            _ = try model(settings, strategy: strategy, prices: prices)
            return []
        } catch let refused as ConfigurationLoader.Refused {
            return refused.mistakes.map { "\($0.path.replacing("models.m.", with: "")): \($0.text)" }
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `a route says what it prefers, at most and at least`() throws {
        let preferences = try model(
            """
            tier: premium
            prefer: [speed, reliability]
            urgency: critical
            maximum_cost: 0.02
            minimum_quality: 8.6
            fallback: false
            """
        ).preferences
        var expected = RoutingPreferences()
        (expected.tier, expected.prefer, expected.urgency) = (.premium, [.speed, .reliability], .critical)
        (expected.maximumCost, expected.minimumQuality, expected.fallback) = (0.02, 8.6, false)
        #expect(preferences == expected)
        #expect(try model("").preferences.isEmpty)
    }

    @Test func `rules say when they apply and what they prefer`() throws {
        let rules = try model(
            """
            rules:
              - { hours: 22:00-06:30, days: [fri, sat], offset: "-05:30", urgency: low }
              - { days: [sun], hours: 18:00-00:00, fallback: false }
              - { days: [mon], fallback: false }
            """
        ).rules
        #expect(rules.count == 3)
        #expect(rules[0].begin == 1320 && rules[0].end == 390 && rules[0].offset == -330)
        #expect(rules[0].days == [.fri, .sat] && rules[0].preferences.urgency == .low)
        #expect(rules[1].begin == 1080 && rules[1].end == 1440)
        #expect(rules[2].begin == 0 && rules[2].end == 1440 && rules[2].preferences.fallback == false)
    }

    @Test(arguments: [
        "09:00", "9:00-18:00", "24:00-06:00", "09:00-09:00", "09:00-24:01", "09:60-10:00", "00:00-00:00",
    ])
    func `hours that are none are mistakes`(hours: String) {
        let told = mistakes("rules: [ { hours: \"\(hours)\", prefer: speed } ]")
        #expect(
            told.count == 1 && told[0].hasPrefix("rules[0].hours: must be two different times"), "\(told)")
    }

    @Test func `every mistake in rules is told at its place`() {
        let told = mistakes(
            """
            rules:
              - { prefer: speed }
              - { hours: 09:00-18:00 }
              - { days: [], urgency: soon, offset: "01:00" }
              - { days: [monday], fallback: perhaps, until: never }
            """)
        let places = told.map { String($0.prefix { $0 != ":" }) }
        #expect(
            places.sorted() == [
                "rules[0]", "rules[1]", "rules[2].days", "rules[2].offset", "rules[2].urgency",
                "rules[3].days[0]", "rules[3].fallback", "rules[3].until",
            ], "\(told)")
    }

    @Test func `what a strategy does not know is a mistake, in rules too`() {
        let told = mistakes(
            "prefer: speed\nurgency: high\nmaximum_cost: 1\nfallback: false\nrules: [ { days: [mon], tier: free } ]",
            strategy: "priority")
        #expect(told.count == 4, "\(told)")
        #expect(told.contains("urgency: is for the strategy adaptive"))
        #expect(told.contains("maximum_cost: is for strategies that learn, such as adaptive"))
        #expect(told.contains("rules[0].tier: is for the strategy adaptive"))
        #expect(mistakes("maximum_cost: 1\nminimum_quality: 8", strategy: "cheapest").isEmpty)
        #expect(mistakes("urgency: high", strategy: "cheapest") == ["urgency: is for the strategy adaptive"])
    }

    @Test func `a maximum cost needs prices`() {
        #expect(
            mistakes("maximum_cost: 1", prices: false)
                == ["maximum_cost: needs price_in and price_out on every target"])
    }

    @Test func `what callers may set can be limited, but never includes the tier`() throws {
        #expect(try model("").callerMaySet == nil)
        #expect(try model("caller_may_set: []").callerMaySet == [])
        #expect(
            try model("caller_may_set: [urgency, maximum_cost]").callerMaySet == [.urgency, .maximumCost])
        #expect(
            mistakes("caller_may_set: [tier]").first?.hasPrefix("caller_may_set[0]: a tier is set by") == true
        )
        #expect(
            mistakes("caller_may_set: [speed]").first?.hasPrefix("caller_may_set[0]: must be one of") == true)
    }

    @Test func `keys have preferences of their own`() throws {
        let text = """
            auth:
              keys:
                - { name: web, key: 0123456789, tier: enterprise, prefer: quality, maximum_cost: 1 }
                - { name: app, key: 9876543210 }
            providers: { a: { kind: simulated } }
            models: { m: { targets: [ { provider: a, model: x } ] } }
            """
        let keys = try load(text).auth.keys
        var expected = RoutingPreferences()
        (expected.tier, expected.prefer, expected.maximumCost) = (.enterprise, [.quality], 1)
        #expect(keys.map(\.preferences) == [expected, RoutingPreferences()])
    }

    @Test func `sessions are told by a header or the user, for a time`() throws {
        #expect(try model("").sticky == nil)
        #expect(try model("sticky: {}").sticky == Stickiness())
        let named = try model("sticky: { by: header, header: X-Chat, for: 2h }").sticky
        #expect(named == Stickiness(by: .header("x-chat"), lifetime: .seconds(7200)))
        #expect(try model("sticky: { by: user }", strategy: "priority").sticky?.identity == .user)
        #expect(mistakes("sticky: { by: cookie, for: 1ms, until: x }").count == 3)
        #expect(mistakes("sticky: { by: user, header: x-a }") == ["sticky.header: is for by: header"])
        #expect(mistakes("sticky: { header: \"x a\" }").count == 1)
    }
}
