import Foundation
import Testing
import Wall

/// What routes, keys and requests can ask for, from outside.
@Suite(.tags(.measuresTime)) struct PreferenceTests {
    /// A good and dear provider and a poor and cheap one: an answer of 300 tokens costs $0.006 or $0.00015.
    struct Choice {
        let good: Wall
        let poor: Wall
        let gateway: GatewayProcess

        init(
            strategy: String = "adaptive", auth: String = "", more: String = "",
            good: Wall = Wall { Answer.good($0, "good") }
        ) async throws {
            self.good = good
            poor = Wall { Answer.good($0, "poor") }
            let ports = [try await good.start(), try await poor.start()]
            gateway = try await GatewayProcess(
                """
                \(auth)
                providers:
                  good: { kind: openai, base_url: "http://127.0.0.1:\(ports[0])/v1", api_key: none }
                  poor: { kind: openai, base_url: "http://127.0.0.1:\(ports[1])/v1", api_key: none }
                models:
                  chat:
                    strategy: \(strategy)
                    targets:
                      - { provider: good, model: g, quality: 9.5, price_in: 1, price_out: 20 }
                      - { provider: poor, model: p, quality: 8, price_in: 1, price_out: 0.5 }
                \(more.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
                """)
        }

        func stop() { withExtendedLifetime((good, poor)) { gateway.stop() } }

        func chat(_ fields: String..., more: String = "") async throws -> Client.Reply {
            try await Client.chat(gateway.port, more: more, fields: fields)
        }

        /// Who answered first of all, without another one having been asked.
        func provider(_ fields: String...) async throws -> String {
            let reply = try await Client.chat(gateway.port, fields: fields)
            #expect(reply.status == 200 && reply.field("x-holdfast-attempts") == "1", "\(reply.text)")
            return reply.field("x-holdfast-provider") ?? "nobody"
        }

        /// What a decision says was preferred, and by whom.
        func preferences(_ reply: Client.Reply, key: String? = nil) async throws -> [String: String] {
            let fields = key.map { ["authorization: Bearer \($0)"] } ?? []
            let id = reply.field("x-holdfast-decision") ?? "none"
            try await Task.sleep(for: .milliseconds(50))
            let decision = try await Client.get(gateway.port, "/decisions/\(id)", fields: fields).json
            let said = decision["preferences"] as? [String: [String: String]] ?? [:]
            return said.mapValues { "\($0["value"] ?? "") by \($0["from"] ?? "")" }
        }
    }

    @Test func `a request's preference goes before the route's, and the decision says where each comes from`()
        async throws
    {
        let choice = try await Choice(more: "prefer: quality\nurgency: low")
        defer { choice.stop() }
        #expect(try await choice.provider() == "good")
        #expect(try await choice.provider("x-holdfast-prefer: cost") == "poor")
        #expect(try await choice.provider("X-Holdfast-Prefer: balanced, cost") == "poor")
        let reply = try await choice.chat("x-holdfast-prefer: cost", "x-holdfast-max-cost: 1")
        let said = try await choice.preferences(reply)
        #expect(
            said == [
                "prefer": "cost by request", "urgency": "low by route", "maximum_cost": "1.0 by request",
            ])
        let calls = choice.good.ledger.calls + choice.poor.ledger.calls
        #expect(!calls.contains { $0.head.lowercased().contains("x-holdfast") }, "nothing is sent on")
    }

    @Test func `a key's preference goes before the route's and its rules', a request's before the key's`()
        async throws
    {
        let auth = """
            auth:
              keys:
                - { name: plain, key: key-of-plain }
                - { name: thrifty, key: key-of-thrifty, prefer: [cost], tier: free }
            """
        let choice = try await Choice(
            auth: auth,
            more: "prefer: cost\nrules:\n  - { hours: \"00:00-24:00\", offset: \"-03:30\", prefer: quality }")
        defer { choice.stop() }
        let plain = "authorization: Bearer key-of-plain", thrifty = "authorization: Bearer key-of-thrifty"
        #expect(try await choice.provider(plain) == "good", "the rule's preference goes before the route's")
        #expect(try await choice.provider(thrifty) == "poor")
        let reply = try await choice.chat(thrifty, "x-holdfast-prefer: quality")
        let said = try await choice.preferences(reply, key: "key-of-thrifty")
        #expect(said == ["prefer": "quality by request", "tier": "free by key"])
        let other = try await choice.preferences(try await choice.chat(plain), key: "key-of-plain")
        #expect(other == ["prefer": "quality by rules[0]"])
    }

    @Test func `who is dearer than the maximum cost is not asked, and nobody is when all are`() async throws {
        let choice = try await Choice(more: "prefer: quality\nmaximum_cost: 0.05")
        defer { choice.stop() }
        #expect(try await choice.provider() == "good")
        #expect(try await choice.provider("x-holdfast-max-cost: 0.001") == "poor")
        let asked = choice.good.ledger.calls.count
        let refused = try await choice.chat("x-holdfast-max-cost: 0.00001")
        #expect(refused.status == 400 && refused.errorCode == "maximum_cost_exceeded", "\(refused.text)")
        #expect(refused.errorField == "x-holdfast-max-cost")
        #expect(refused.errorMessage?.contains("$0.0001") == true, "\(refused.errorMessage ?? "")")
        #expect(refused.errorMessage?.contains("$0.00001 is allowed") == true)
        #expect(choice.good.ledger.calls.count == asked && choice.poor.ledger.calls.count == 1)
        let cheap = try await choice.chat("x-holdfast-max-cost: 0.0001", more: #","max_tokens":5"#)
        #expect(cheap.status == 200, "a short answer is cheaper")
    }

    @Test func `the operator's maximum cost cannot be raised by a request`() async throws {
        let choice = try await Choice(more: "prefer: quality\nmaximum_cost: 0.001")
        defer { choice.stop() }
        #expect(try await choice.provider("x-holdfast-max-cost: 5") == "poor")
        let said = try await choice.preferences(try await choice.chat("x-holdfast-max-cost: 5"))
        #expect(said["maximum_cost"] == "0.001 by route")
    }

    @Test func `targets below the quality that a request wants come last`() async throws {
        let choice = try await Choice(more: "prefer: cost")
        defer { choice.stop() }
        #expect(try await choice.provider() == "poor")
        #expect(try await choice.provider("x-holdfast-min-quality: 9") == "good")
    }

    @Test(arguments: ["adaptive", "priority"], [true, false])
    func `without fallback only the first target is asked`(strategy: String, byRoute: Bool) async throws {
        let failing = Wall { _ in [Answer.response(503, Answer.error("No."))] }
        let choice = try await Choice(
            strategy: strategy,
            more: (strategy == "adaptive" ? "prefer: quality\n" : "") + (byRoute ? "fallback: false" : ""),
            good: failing)
        defer { choice.stop() }
        let reply = try await choice.chat(byRoute ? "x-other: 1" : "x-holdfast-fallback: false")
        #expect(reply.status == 503, "\(reply.text)")
        #expect(choice.poor.ledger.calls.isEmpty && !failing.ledger.calls.isEmpty)
        #expect(reply.elapsed < .seconds(8))
        let said = try await choice.preferences(reply)
        #expect(said["fallback"] == (byRoute ? "false by route" : "false by request"))
        guard !byRoute else { return }
        let other = try await choice.chat("x-holdfast-fallback: true")
        #expect(other.status == 200 && other.field("x-holdfast-provider") == "poor")
    }

    @Test(arguments: [
        ("x-holdfast-prefer: fast", "balanced, speed, quality, cost, reliability"),
        ("x-holdfast-prefer:", "balanced, speed, quality, cost, reliability"),
        ("x-holdfast-prefer: cost,", "separated by commas"),
        ("x-holdfast-urgency: HIGH", "low, normal, high, critical"),
        ("x-holdfast-max-cost: -1", "from 0 to 1000000"), ("x-holdfast-max-cost: nan", "a number of dollars"),
        ("x-holdfast-min-quality: 11", "from 0 to 10"), ("x-holdfast-fallback: no", "true or false"),
    ])
    func `a header with a wrong value is refused by its name, with the values that are right`(
        header: String, allowed: String
    ) async throws {
        let choice = try await Choice()
        defer { choice.stop() }
        let reply = try await choice.chat(header)
        let name = String(header.prefix { $0 != ":" })
        #expect(reply.status == 400 && reply.errorCode == "invalid_header" && reply.errorField == name)
        #expect(reply.errorMessage?.contains(name) == true && reply.errorMessage?.contains(allowed) == true)
        #expect(choice.good.ledger.calls.isEmpty && choice.poor.ledger.calls.isEmpty)
    }

    @Test func `what the route does not let callers set is refused`() async throws {
        let choice = try await Choice(more: "caller_may_set: [prefer]")
        defer { choice.stop() }
        #expect(try await choice.provider("x-holdfast-prefer: cost") == "poor")
        let reply = try await choice.chat("x-holdfast-urgency: high")
        #expect(reply.status == 400 && reply.errorField == "x-holdfast-urgency", "\(reply.text)")
    }
}
