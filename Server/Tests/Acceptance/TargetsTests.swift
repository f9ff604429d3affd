import Foundation
import Testing
import Wall

/// `GET /targets` and `POST /v1/feedback`, from outside.
@Suite struct TargetsTests {
    /// A gateway before two providers: `a` fails for the user `bad` and is the first to be asked.
    private static func pair(_ auth: String = "") async throws -> Pair {
        try await Pair(settings: {
            $0.primaryTarget = ", price_in: 100, price_out: 1000"
            $0.lines = [
                "breaker: { minimum_calls: 100, consecutive_failures: 0 }", "retry: { max_attempts: 2 }",
            ]
            $0.server = auth
        }) { call in
            call.user == "bad"
                ? [Answer.response(503, Answer.error("No."))]
                : call.user == "wrong" ? [Answer.response(400, Answer.error("No."))] : Answer.good(call)
        }
    }

    private static func target(_ gateway: GatewayProcess, _ name: String) async throws -> [String: Any] {
        let reply = try await Client.get(gateway.port, "/targets")
        let targets = reply.json["targets"] as? [[String: Any]] ?? []
        return targets.first { $0["target"] as? String == name } ?? [:]
    }

    private static func figures(
        _ gateway: GatewayProcess, _ name: String, _ window: String = "1h", _ part: String = "all"
    ) async throws -> [String: Any] {
        let windows = try await target(gateway, name)["windows"] as? [String: [String: Any]]
        return windows?[window]?[part] as? [String: Any] ?? [:]
    }

    @Test func `a target is the same in all routes, also in one that does not name its limit`() async throws {
        let gateway = try await GatewayProcess(
            """
            providers: { a: { kind: simulated } }
            models:
              one: { strategy: adaptive, targets: [ { provider: a, model: m, requests_per_minute: 600 } ] }
              two: { targets: [ { provider: a, model: m } ] }
            """)
        defer { gateway.stop() }
        for model in ["one", "two", "two"] {
            #expect(try await Client.chat(gateway.port, model: model).status == 200)
        }
        #expect(
            try await eventually { try await Self.figures(gateway, "a/m")["successes"] as? Int == 3 })
        let learned = try await Self.target(gateway, "a/m")["learned"] as? [String: Any]
        let evidence = try #require(learned?["evidence"] as? Double)
        #expect(evidence > 7.5, "five are assumed and three were seen")
        #expect(learned?["headroom"] as? Double != nil)
    }

    @Test func `the figures of a target are those of the requests that it was asked`() async throws {
        let pair = try await Self.pair()
        for user in ["good", "good", "bad", "good", "wrong"] {
            _ = try await pair.chat(more: #","user":"\#(user)""#)
        }
        // 3 answers of 5 and 7 tokens each, 1 failure; the request that was wrong is nobody's fault.
        #expect(
            try await eventually {
                try await Self.figures(pair.gateway, "p/p-1")["requests"] as? Int == 4
            })
        for window in ["1h", "6h", "24h", "7d", "30d"] {
            let figures = try await Self.figures(pair.gateway, "p/p-1", window)
            #expect(figures["successes"] as? Int == 3)
            #expect(figures["success_rate"] as? Double == 0.75 && figures["error_rate"] as? Double == 0.25)
            #expect(figures["failures"] as? [String: Int] == ["provider_overload": 1])
            #expect(figures["input_tokens"] as? Double == 15 && figures["output_tokens"] as? Double == 21)
            // 3 x (5 x 100 + 7 x 1000) / 1,000,000 dollars.
            let cost = try #require(figures["cost_dollars"] as? Double)
            #expect(abs(cost - 0.0225) < 1e-9)
            let perDollar = try #require(figures["successes_per_dollar"] as? Double)
            #expect(abs(perDollar - 3 / 0.0225) < 1e-6)
            // Wilson's lower end for 3 of 4.
            let reliability = try #require(figures["reliability"] as? Double)
            #expect(abs(reliability - 0.3006) < 0.0001)
            #expect(figures["uptime"] as? Double == 1 && figures["quality"] as? Double == 1)
            let times = try #require(figures["total_seconds"] as? [String: Double])
            #expect(times.count == 3 && times.values.allSatisfy { $0 > 0 && $0 < 1 })
            #expect(figures["trend"] == nil && figures["satisfaction"] == nil, "nothing that is not known")
        }
        let short = try await Self.figures(pair.gateway, "p/p-1", "1h", "short")
        let long = try await Self.figures(pair.gateway, "p/p-1", "1h", "long")
        #expect(short["requests"] as? Int == 4 && long.isEmpty)
        let other = try await Self.figures(pair.gateway, "f/f-1")
        #expect(other["requests"] as? Int == 1 && other["cost_dollars"] == nil)
        let target = try await Self.target(pair.gateway, "p/p-1")
        let learned = target["learned"] as? [String: Any] ?? [:]
        #expect(target["breaker"] as? String == "closed" && learned["success"] is Double)
        #expect(learned["headroom"] == nil, "no limit is known")
    }

    @Test func `what was counted survives a reload, and a target that is not named any more is forgotten`()
        async throws
    {
        let pair = try await Self.pair()
        _ = try await pair.chat()
        let text = pair.settings.text
        #expect(
            try await eventually {
                try await Self.figures(pair.gateway, "p/p-1")["requests"] as? Int == 1
            })
        try await pair.reload(text.replacingOccurrences(of: "total: 20s", with: "total: 25s"))
        #expect(try await Self.figures(pair.gateway, "p/p-1")["requests"] as? Int == 1)
        try await pair.reload(text.replacingOccurrences(of: "p-1", with: "p-2"))
        #expect(try await Self.target(pair.gateway, "p/p-1").isEmpty)
        try await pair.reload(text)
        let target = try await Self.target(pair.gateway, "p/p-1")
        #expect(!target.isEmpty && target["windows"] == nil)
    }

    @Test func `a long prompt and an answer that is no good are told apart`() async throws {
        let pair = try await Pair { call in
            call.user == "empty"
                ? [Answer.response(200, #"{"choices":[]}"#)] : Answer.good(call)
        }
        let words = String(repeating: "word ", count: 2100)
        _ = try await pair.chat(more: #","user":"empty""#)
        _ = try await pair.chat(more: #","metadata":{"a":"\#(words)"}"#)
        #expect(
            try await eventually {
                try await Self.figures(pair.gateway, "p/p-1", "1h", "long")["requests"] as? Int == 1
            })
        let figures = try await Self.figures(pair.gateway, "p/p-1", "1h", "long")
        #expect(figures["successes"] as? Int == 1 && figures["quality"] as? Double == 1)
        let all = try await Self.figures(pair.gateway, "p/p-1")
        #expect(all["failures"] as? [String: Int] == ["quality_failure": 1])
        #expect(all["quality"] as? Double == 0.5)
    }

    // MARK: Feedback

    private static func rate(_ gateway: GatewayProcess, _ body: String, key: String = "") async throws
        -> Client.Reply
    {
        try await Client.post(
            gateway.port, "/v1/feedback", body, fields: key.isEmpty ? [] : ["authorization: Bearer \(key)"])
    }

    @Test func `what users say of answers counts for the target that gave them`() async throws {
        let pair = try await Self.pair()
        for score in ["10", "7"] {
            let reply = try await pair.chat()
            _ = try await Client.decision(pair.gateway.port, reply)
            let id = try #require(reply.field("x-request-id"))
            let rated = try await Self.rate(
                pair.gateway, #"{"id":"\#(id)","score":\#(score),"comment":"Thanks."}"#)
            #expect(rated.status == 200 && rated.json["target"] as? String == "p/p-1", "\(rated.text)")
            let again = try await Self.rate(pair.gateway, #"{"id":"\#(id)","score":0}"#)
            #expect(again.status == 409 && again.errorCode == "already_rated")
            let decision = try await Client.decision(pair.gateway.port, reply)
            #expect(decision["score"] as? Double == Double(score))
        }
        let figures = try await Self.figures(pair.gateway, "p/p-1")
        #expect(figures["satisfaction"] as? Double == 8.5 && figures["ratings"] as? Int == 2)
    }

    @Test(arguments: [
        (#"{"id":"ID","score":11}"#, "score", 400), (#"{"id":"ID","score":-0.5}"#, "score", 400),
        (#"{"id":"ID","score":"9"}"#, "score", 400), (#"{"id":"ID"}"#, "score", 400),
        (#"{"score":9}"#, "id", 400), (#"{"id":7,"score":9}"#, "id", 400),
        (#"{"id":"ID","score":9,"scroe":1}"#, "scroe", 400),
        (#"{"id":"ID","score":9,"score":1}"#, "score", 400),
        (#"{"id":"ID","score":9,"comment":5}"#, "comment", 400),
        (#"{"id":"req_aaaaaaaaaaaaaaaaaaaaaaaaaa","score":9}"#, "id", 404),
        (#"{"id":"nonsense","score":9}"#, "id", 404), (#"{"id":"ID","score":9"#, "", 400), ("[]", "", 400),
        ("", "", 400),
    ])
    func `a rating that is wrong is refused with the name of its field`(
        body: String, field: String, status: Int
    )
        async throws
    {
        let pair = try await Self.pair()
        let reply = try await pair.chat()
        _ = try await Client.decision(pair.gateway.port, reply)
        let id = try #require(reply.field("x-request-id"))
        let rated = try await Self.rate(pair.gateway, body.replacingOccurrences(of: "ID", with: id))
        #expect(rated.status == status, "\(rated.text)")
        #expect(field.isEmpty || rated.errorField == field, "\(rated.text)")
        #expect(try await Self.rate(pair.gateway, #"{"id":"\#(id)","score":9}"#).status == 200)
    }

    @Test func `a request without an answer cannot be rated, nor can another caller's`() async throws {
        let keys = ["one-caller-key-0123456789", "two-caller-key-0123456789", "admin-key-0123456789"]
        let wall = Wall { call in
            call.user == "bad" ? [Answer.response(400, Answer.error("No."))] : Answer.good(call)
        }
        let port = try await wall.start()
        let gateway = try await GatewayProcess(
            """
            auth:
              admin_key: \(keys[2])
              keys: [ { name: one, key: \(keys[0]) }, { name: two, key: \(keys[1]) } ]
            providers:
              p: { kind: openai, base_url: "http://127.0.0.1:\(port)/v1", api_key: none }
            models:
              chat: { targets: [ { provider: p, model: p-1 } ] }
            """)
        defer { withExtendedLifetime(wall) { gateway.stop() } }
        func ask(_ user: String) async throws -> String {
            let fields = ["authorization: Bearer \(keys[0])"]
            let reply = try await Client.chat(gateway.port, more: #","user":"\#(user)""#, fields: fields)
            let id = try #require(reply.field("x-request-id"))
            let isKept = try await eventually {
                try await Client.get(gateway.port, "/decisions/\(id)", fields: fields).status == 200
            }
            #expect(isKept)
            return #"{"id":"\#(id)","score":9}"#
        }
        let good = try await ask("good"), bad = try await ask("bad")
        #expect(try await Self.rate(gateway, good).status == 401)
        for other in keys[1...] {
            let refused = try await Self.rate(gateway, good, key: other)
            #expect(refused.status == 404 && refused.errorCode == "request_not_found")
        }
        let unanswered = try await Self.rate(gateway, bad, key: keys[0])
        #expect(unanswered.status == 409 && unanswered.errorCode == "request_not_answered")
        #expect(try await Self.rate(gateway, good, key: keys[0]).status == 200)
        #expect(try await Client.get(gateway.port, "/targets").status == 401)
        let fields = ["authorization: Bearer \(keys[0])"]
        #expect(try await Client.get(gateway.port, "/targets", fields: fields).status == 403)
    }
}
