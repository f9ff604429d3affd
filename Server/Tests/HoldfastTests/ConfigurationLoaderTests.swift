import Foundation
import Gateway
import Generation
import Resilience
import Routing
import Testing

@testable import holdfast

@Suite struct ConfigurationLoaderTests {
    private static let good = """
        server: { host: 127.0.0.1, port: 9000, max_body: 1MiB, drain: 5s, state_file: /var/lib/s.json }
        auth:
          admin_key: ${ADMIN}
          keys: [ { name: web, key: "web-key-0123456789" } ]
        providers:
          a: { kind: openai, base_url: "http://127.0.0.1:1/v1", api_keys: [ "sk-1", "$${x}" ], headers: { x-team: blue } }
          b: { kind: simulated, first_token: 10ms }
        models:
          chat:
            strategy: weighted
            targets: [ { provider: a, model: gpt, weight: 3 }, { provider: b, model: b-1 } ]
            timeouts: { connect: 1s, first_token: 1500ms, idle: 1m30s, total: 2m }
            retry: { max_attempts: 4, patience: 0s }
            breaker: { failure_rate: 0.25, minimum_calls: 4, window: 10s, open: 1s, max_open: 1m, slow_call: 8s, probes: 2 }
        logging: { level: warning, format: text, access: false }
        """

    private func load(_ text: String) throws(ConfigurationLoader.Refused) -> Configuration {
        try ConfigurationLoader.parse(text, file: "f.yaml", environment: ["ADMIN": "admin-key-0123456789"])
    }

    private func mistakes(_ text: String) -> [String] {
        do throws(ConfigurationLoader.Refused) {
            _ = try load(text)
            return []
        } catch {
            return error.mistakes.map(\.description)
        }
    }

    @Test func `a whole configuration is read`() throws {
        let configuration = try load(Self.good)
        #expect(
            configuration.server.port == 9000 && configuration.server.maximumBody == 1 << 20
                && configuration.server.drain == .seconds(5))
        #expect(configuration.server.stateFile == "/var/lib/s.json")
        #expect(configuration.auth.administrator == Secret("admin-key-0123456789"))
        #expect(configuration.providers.map(\.name) == ["a", "b"])
        #expect(configuration.providers[0].keys == [Secret("sk-1"), Secret("${x}")])
        #expect(configuration.providers[0].headers.map(\.name) == ["x-team"])
        let model = try #require(configuration.models.first)
        #expect(model.strategy == .weighted && model.targets.map(\.weight) == [3, 1])
        #expect(
            model.limits
                == PhaseLimits(
                    connect: .seconds(1), head: .milliseconds(1500), firstToken: .milliseconds(1500),
                    idle: .seconds(90), total: .seconds(120)))
        #expect(model.wholeAnswer == .seconds(30))
        #expect(model.retry.maximumAttempts == 4 && model.retry.patience == .zero)
        #expect(
            model.breaker?.failureRate == 0.25 && model.breaker?.open.first == .seconds(1)
                && model.breaker?.slowCallRate == 0.8)
        #expect(configuration.logging.access == false)
    }

    @Test func `all mistakes are named at once, each with its place and the way to mend it`() {
        let text = """
            server: { port: 99999, hots: x }
            providers:
              a: { kind: opanai }
              b: { kind: openai, base_url: "http://user@host/v1" }
              c: { kind: openai, api_key: "${MISSING}" }
            models:
              chat:
                strategy: fastest
                targets: [ { provider: bb, model: x }, { model: y } ]
                timeouts: { idle: 5 minutes }
            """
        let found = mistakes(text)
        #expect(found.count == 9)
        #expect(
            found.contains("f.yaml:1:11: server.port: must be a whole number from 0 to 65535, not '99999'"))
        #expect(found.contains("f.yaml:1:24: server.hots: unknown setting; did you mean 'hosts'?"))
        #expect(
            found.contains {
                $0.hasPrefix(
                    "f.yaml:3:8: providers.a.kind: must be one of openai, simulated, not 'opanai'; did you mean 'openai'?"
                )
            })
        #expect(found.contains { $0.contains("f.yaml:4:22: providers.b.base_url: must be a URL") })
        #expect(
            found.contains { $0.contains("providers.c.api_key: the environment variable MISSING is not set") }
        )
        #expect(
            found.contains {
                $0.contains("models.chat.strategy: must be one of priority, round_robin, weighted")
            })
        #expect(found.contains { $0.contains("models.chat.targets[0].provider: there is no provider 'bb'") })
        #expect(found.contains { $0.contains("models.chat.targets[1]: needs a provider and a model") })
        #expect(found.contains { $0.contains("models.chat.timeouts.idle: must be a duration") })
    }

    @Test(arguments: [
        ("providers: [", "not valid YAML"), ("a: 1\na: 2", "given twice"), ("- x", "must be a mapping"),
        ("providers: {}\nmodels: {}\nx: 1", "unknown setting"),
        ("models: {}", "providers is missing"), ("", "providers is missing"),
        (
            "server: { state_file: f.yaml }\nproviders: {}\nmodels: {}",
            "must be the path of a file of its own"
        ),
        (
            "server: { state_file: /var/lib/ }\nproviders: {}\nmodels: {}",
            "must be the path of a file of its own"
        ),
        (
            "server: { state_file: \(String(repeating: "f", count: 4097)) }\nproviders: {}\nmodels: {}",
            "must be the path of a file of its own"
        ),
        (String(repeating: "[", count: 5000), "nested too deeply"),
        (String(repeating: "- ", count: 5000), "nested too deeply"),
        ("server: { host: 0.0.0.0 }\nproviders: {}\nmodels: {}", "needs keys"),
        (
            "server: { host: 0.0.0.0 }\nauth: { admin_key: short-key-1 }\nproviders: {}\nmodels: {}",
            "at least 32 characters"
        ),
        (
            "auth: { keys: [ { name: a, key: abcdefgh }, { name: a, key: abcdefgi } ] }\nproviders: {}\nmodels: {}",
            "names must differ"
        ),
        (
            "auth: { keys: [ { name: admin, key: abcdefgh } ] }\nproviders: {}\nmodels: {}",
            "choose another name"
        ),
        (
            "auth: { keys: [ { name: a, key: abcdefgh }, { name: b, key: abcdefgh } ] }\nproviders: {}\nmodels: {}",
            "given twice"
        ),
        ("providers: { a: { kind: simulated } }\nmodels: { m: { targets: [] } }", "at least one target"),
        ("providers: { a: { kind: openai, ca_file: /none } }\nmodels: {}", "cannot be read"),
        ("providers: { a: { kind: openai, headers: { host: x } } }\nmodels: {}", "cannot be set"),
        ("providers: { a: { kind: openai, api_key: \"a b\" } }\nmodels: {}", "without spaces"),
        ("providers: { a: { kind: openai, api_key: \"${file:/none}\" } }\nmodels: {}", "cannot be read"),
        ("providers: { \"a b\": { kind: openai } }\nmodels: {}", "a provider's name"),
        (
            "providers: { a: { kind: simulated } }\nmodels: { x: { targets: [ {provider: a, model: b} ], breaker: { failure_rate: 2 } } }",
            "f.yaml:2:65: models.x.breaker.failure_rate: must be above 0 to 1 (a share: write 0.02 for 2 %), not 2"
        ),
    ])
    func `every kind of mistake has its words`(text: String, words: String) {
        let found = mistakes(text)
        #expect(found.contains { $0.contains(words) }, "\(found)")
        #expect(found.allSatisfy { $0.hasPrefix("f.yaml:") })
    }

    private static func server(_ members: String, keys: Bool = false) -> String {
        "server: { \(members) }\n" + (keys ? "auth: { keys: [ { name: a, key: abcdefgh } ] }\n" : "")
            + "providers: { a: { kind: simulated } }\nmodels: { m: { targets: [ { provider: a, model: x } ] } }"
    }

    @Test func `pages and names are read as browsers send them`() throws {
        let origins = [
            "https://App.example.com:443", "http://localhost:3000", "http://a:80", "app://obsidian.md",
            "chrome-extension://abcdef", "http://[::1]:3000",
        ]
        let names = ["Gateway.internal", "192.168.1.2", "[FD00::1]", "::1"]
        let server = try load(
            Self.server("cors_origins: \(origins), hosts: \(names), body_time: 90s")
        ).server
        #expect(
            server.corsOrigins == [
                "https://app.example.com", "http://localhost:3000", "http://a", "app://obsidian.md",
                "chrome-extension://abcdef", "http://[::1]:3000",
            ])
        #expect(server.hosts == ["gateway.internal", "192.168.1.2", "fd00::1", "::1"])
        #expect(server.bodyTime == .seconds(90))
        #expect(try load(Self.server("cors_origins: [ '*' ]", keys: true)).server.corsOrigins == ["*"])
    }

    @Test(arguments: [
        "null", "https://a.example/", "https://a.example/path", "a.example", "https://", "https://a b",
        "://a",
        "https://user@a.example", "https://a.example:0", "https://a.example:99999", "https://a.example:",
        "https://*.a",
        "https://[::1", "https://::1", "1http://a", "https://a?b", "https://a:080",
    ])
    func `what no browser sends is no origin`(origin: String) {
        let found = mistakes(Self.server("cors_origins: [ \"\(origin)\" ]"))
        #expect(
            found.count == 1 && found[0].contains("server.cors_origins[0]: must be an origin"), "\(found)")
    }

    @Test(arguments: ["http://a", "a:80", "a/b", "*", "", "a b", "[a", "[g::1]"])
    func `what is no host name is a mistake`(name: String) {
        let found = mistakes(Self.server("hosts: [ \"\(name)\" ]"))
        #expect(found.count == 1 && found[0].contains("server.hosts[0]: must be a host name"), "\(found)")
    }

    @Test func `all pages are let in only where keys are needed`() {
        let found = mistakes(Self.server("cors_origins: [ https://a, '*' ]"))
        #expect(
            found.count == 1 && found[0].contains("server.cors_origins[1]: '*' is accepted only"), "\(found)")
    }

    @Test(arguments: ["127.0.0.1.example.com", "127.a.b.com", "127.0.0.999"])
    func `a name that only looks like loopback needs keys`(host: String) {
        #expect(mistakes(Self.server("host: \(host)")).contains { $0.contains("needs keys") })
    }

    @Test func `routes that share a target must agree about its breaker`() {
        let text = """
            providers: { a: { kind: simulated } }
            models:
              x: { targets: [ { provider: a, model: m } ], breaker: { open: 1s } }
              y: { targets: [ { provider: a, model: m } ], breaker: { open: 2s } }
              z: { targets: [ { provider: a, model: m } ] }
            """
        let found = mistakes(text)
        #expect(found.count == 1, "a route that says nothing takes what the others say: \(found)")
        #expect(found.allSatisfy { $0.contains("share the target a/m") })
    }

    @Test func `an adaptive route knows prices, quality and limits of its targets`() throws {
        let text = """
            providers: { a: { kind: simulated } }
            models:
              m:
                strategy: adaptive
                tier: premium
                prefer: speed
                minimum_quality: 8.6
                targets:
                  - { provider: a, model: x, price_in: 3, price_out: 15, quality: 9.1, requests_per_minute: 600, burst: 20 }
                  - { provider: a, model: y }
            """
        let model = try #require(try load(text).models.first)
        #expect(model.strategy == .adaptive && model.preferences.tier == .premium)
        #expect(model.preferences.prefer == [.speed] && model.preferences.minimumQuality == 8.6)
        let target = model.targets[0]
        #expect(target.inputPrice == 3 && target.outputPrice == 15 && target.quality == 9.1)
        #expect(target.requestsPerMinute == 600 && target.burst == 20)
        #expect(model.targets[1].inputPrice == nil)
    }

    @Test(arguments: [
        ("", 0), (#", quota_resets_at: "00:00""#, 0), (#", quota_resets_at: "07:30""#, 450),
        (#", quota_resets_at: "00:00-08:00""#, 480), (#", quota_resets_at: "00:00+01:00""#, 1380),
        (#", quota_resets_at: "23:00-14:00""#, 780),
    ])
    func `a daily quota is renewed at its hour, on its clock`(renewal: String, minute: Int) throws {
        let text = """
            providers: { a: { kind: simulated } }
            models: { m: { targets: [ { provider: a, model: x, requests_per_day: 1000\(renewal) }, { provider: a, model: y } ] } }
            """
        let targets = try load(text).models[0].targets
        #expect(targets[0].quota == DailyQuota.Terms(requests: 1000, renewalMinute: minute))
        #expect(targets[1].quota == nil)
    }

    @Test(arguments: [
        ("requests_per_day: 0", "must be a whole number from 1"),
        ("requests_per_day: 1.5", "must be a whole number from 1"),
        (#"quota_resets_at: "00:00""#, "needs requests_per_day as well"),
        (#"requests_per_day: 5, quota_resets_at: "24:00""#, "must be a time of day"),
        (#"requests_per_day: 5, quota_resets_at: "7:30""#, "must be a time of day"),
        (#"requests_per_day: 5, quota_resets_at: "00:00 08:00""#, "must be a time of day"),
        (#"requests_per_day: 5, quota_resets_at: "00:00+15:00""#, "must be a time of day"),
        (#"requests_per_day: 5, quota_resets_at: "00:00+1""#, "must be a time of day"),
    ])
    func `a daily quota that cannot be is named`(quota: String, words: String) {
        let found = mistakes(
            "providers: { a: { kind: simulated } }\nmodels: { m: { targets: [ {provider: a, model: x, \(quota)} ] } }"
        )
        #expect(found.count == 1 && found[0].contains(words), "\(found)")
    }

    @Test
    func
        `routes that share a target agree on its rate limit, and one that says nothing takes that of the others`()
    {
        func text(_ limit: String) -> String {
            """
            providers: { a: { kind: simulated } }
            models:
              m: { targets: [ { provider: a, model: x, requests_per_minute: 60, burst: 5 } ] }
              n: { targets: [ { provider: a, model: x, \(limit) } ] }
              o: { targets: [ { provider: a, model: x } ] }
            """
        }
        let found = mistakes(text("requests_per_minute: 60, burst: 6"))
        #expect(
            found.count == 1 && found[0].contains("share the target a/x, which has one rate limit"),
            "\(found)")
        #expect(mistakes(text("requests_per_minute: 60, burst: 5")).isEmpty)
    }

    @Test func `routes that share a target agree on its daily quota`() {
        let text = """
            providers: { a: { kind: simulated } }
            models:
              m: { targets: [ { provider: a, model: x, requests_per_day: 5 } ] }
              n: { targets: [ { provider: a, model: x, requests_per_day: 6 } ] }
              o: { targets: [ { provider: a, model: x } ] }
            """
        let found = mistakes(text)
        #expect(
            found.count == 1 && found[0].contains("share the target a/x, which has one daily quota"),
            "\(found)")
    }

    @Test(arguments: [
        (
            "strategy: cheapest, targets: [ {provider: a, model: x, price_in: 1} ]",
            "needs price_in and price_out"
        ),
        (
            "strategy: priority, prefer: speed, targets: [ {provider: a, model: x} ]",
            "is for the strategy adaptive"
        ),
        (
            "strategy: adaptive, targets: [ {provider: a, model: x, burst: 5} ]",
            "needs requests_per_minute as well"
        ),
        ("strategy: adaptive, targets: [ {provider: a, model: x, quality: 11} ]", "from 0.0 to 10.0"),
        (
            "strategy: adaptive, tier: gold, targets: [ {provider: a, model: x} ]",
            "must be one of free, standard"
        ),
    ])
    func `what an adaptive route cannot use is named`(model: String, words: String) {
        let found = mistakes("providers: { a: { kind: simulated } }\nmodels: { m: { \(model) } }")
        #expect(found.contains { $0.contains(words) }, "\(found)")
    }

    @Test func `what makes an answer good enough is read`() throws {
        let text = """
            providers: { a: { kind: simulated } }
            models:
              m:
                targets: [ { provider: a, model: x } ]
                answers:
                  empty: pass
                  truncated: next
                  json: pass
                  refusals: [ "I CANNOT" ]
                  must_contain: [ "Sources:" ]
                  must_not_contain: [ "lorem", "ipsum" ]
                  minimum_characters: 20
                  last_resort: deliver
              n: { targets: [ { provider: a, model: x } ], answers: { refusals: common } }
              o: { targets: [ { provider: a, model: x } ] }
            """
        let models = try load(text).models, rules = try #require(models.first).answers
        #expect(rules.empty == .pass && rules.truncated == .next && rules.json == .pass)
        #expect(rules.refusals == [Phrase(folding: "i cannot")] && rules.mustContain == [Phrase("Sources:")])
        #expect(rules.mustNotContain == [Phrase("lorem"), Phrase("ipsum")])
        #expect(rules.minimumCharacters == 20 && rules.lastResort == .deliver)
        #expect(models[1].answers.refusals == .commonRefusals && models[2].answers == AnswerRules())
    }

    @Test(arguments: [
        ("empty: retry", "f.yaml:2:67: models.m.answers.empty: must be one of next, pass, not 'retry'"),
        ("refusal: common", "unknown setting; did you mean 'refusals'?"),
        ("refusals: usual", "must be common, or a list of texts such as [\"I cannot\"]"),
        ("must_contain: x", "answers.must_contain: must be a list"),
        ("must_contain: [ \"\" ]", "answers.must_contain[0]: must have 1 to 256 characters"),
        ("refusals: [ \(String(repeating: "x", count: 257)) ]", "must have 1 to 256 characters"),
        ("must_not_contain: [ \(String(repeating: "x, ", count: 33)) ]", "may have at most 32 texts"),
        ("minimum_characters: -1", "must be a whole number from 0 to 100000"),
        ("last_resort: first", "must be one of error, deliver"),
    ])
    func `a mistake in what makes an answer good enough is named`(rule: String, words: String) {
        let found = mistakes(
            """
            providers: { a: { kind: simulated } }
            models: { m: { targets: [ { provider: a, model: x } ], answers: { \(rule) } } }
            """)
        #expect(found.count == 1 && found[0].contains(words), "\(found)")
    }

    @Test func `a secret never stands in a mistake`() {
        let text = Self.good.replacingOccurrences(of: "kind: openai", with: "kind: opnai")
            .replacingOccurrences(of: "port: 9000", with: "port: x")
        #expect(mistakes(text).allSatisfy { !$0.contains("key-0123456789") && !$0.contains("sk-1") })
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("2s", .seconds(2)), ("1.5s", .milliseconds(1500)),
        ("1m30s", .seconds(90)), ("1h", .seconds(3600)),
    ])
    func `durations are read as people write them`(text: String, duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(arguments: ["", "5", "s", "5 s", "-1s", "1x", "1e3s", "s5", "99999999999999999h", "٣s"])
    func `other texts are no durations`(text: String) {
        #expect(DurationText.parse(text) == nil)
    }
}
