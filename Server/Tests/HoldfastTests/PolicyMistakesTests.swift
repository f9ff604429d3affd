import Testing

@testable import holdfast

/// What the policies of the library do not allow is a mistake in a configuration.
@Suite struct PolicyMistakesTests {
    private static func model(_ breaker: String) -> String {
        "providers: { a: { kind: simulated } }\n"
            + "models: { m: { targets: [ { provider: a, model: x } ], breaker: { \(breaker) } } }"
    }

    private func mistakes(_ text: String) -> [String] {
        do throws(ConfigurationLoader.Refused) {
            _ = try ConfigurationLoader.parse(text, file: "f.yaml", environment: [:])
            return []
        } catch {
            return error.mistakes.map(\.description)
        }
    }

    @Test(arguments: [
        ("failure_rate: nan", "failure_rate: must be above 0 to 1, not nan"),
        ("failure_rate: half", "failure_rate: must be a number, not 'half'"),
        ("minimum_calls: 0", "minimum_calls: must be 1 or more, not 0"),
        ("minimum_calls: few", "minimum_calls: must be a whole number, not 'few'"),
        ("window_calls: 100001", "window_calls: must be 1 to 100,000, not 100,001"),
        ("open: 60s, max_open: 10s", "max_open: must be 60 s or more, not 10 s"),
        (
            "slow_call: 1s, slow_call_rate: 80",
            "slow_call_rate: must be above 0 to 1 (a share: write 0.8 for 80 %)"
        ),
        ("probes: 0", "probes: must be 1 or more, not 0"),
        (
            "consecutive_failures: -1",
            "consecutive_failures: must be 1 or more, or 0 for no such number, not -1"
        ),
    ])
    func `what a breaker's policy does not allow is a mistake at its setting`(text: String, words: String) {
        let found = mistakes(Self.model(text))
        #expect(found.count == 1 && found[0].contains("models.m.breaker.\(words)"), "\(found)")
    }

    @Test(arguments: [
        ("limit: 0", "limit: must be 1 or more, not 0"), ("queue: -1", "queue: must be 0 or more, not -1"),
    ])
    func `what a bulkhead's policy does not allow is a mistake at its setting`(text: String, words: String) {
        let found = mistakes("providers: { a: { kind: simulated, concurrency: { \(text) } } }\nmodels: {}")
        #expect(found.contains { $0.contains("providers.a.concurrency.\(words)") }, "\(found)")
    }

    @Test func `a first open time above the usual longest one raises it`() throws {
        let text = Self.model("open: 10m")
        #expect(mistakes(text).isEmpty)
    }
}
