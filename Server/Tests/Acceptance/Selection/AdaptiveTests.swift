import Foundation
import Testing
import Wall

/// Routes whose strategy is adaptive, from outside.
@Suite(.tags(.measuresTime)) struct AdaptiveTests {
    /// Two providers and a gateway before them; the first one is worth more.
    private static func gateway(_ first: Wall, _ second: Wall, more: String = "") async throws
        -> GatewayProcess
    {
        let ports = [try await first.start(), try await second.start()]
        return try await GatewayProcess(
            """
            providers:
              a: { kind: openai, base_url: "http://127.0.0.1:\(ports[0])/v1", api_key: none }
              b: { kind: openai, base_url: "http://127.0.0.1:\(ports[1])/v1", api_key: none }
            models:
              chat:
                strategy: adaptive
                \(more)
                targets:
                  - { provider: a, model: a-1, quality: 9.9, price_in: 1, price_out: 4 }
                  - { provider: b, model: b-1, quality: 8, price_in: 1, price_out: 4 }
            """)
    }

    private static func slow(_ time: Duration) -> Wall {
        Wall { call in
            [Answer.streamHead, Answer.role(), .wait(time)] + Answer.words(["slow"])
                + [Answer.finish(), Answer.done, Answer.streamEnd]
        }
    }

    private static func quick() -> Wall { Wall { Answer.good($0, "quick") } }

    private func steps(_ port: Int, _ reply: Client.Reply) async throws -> [[String: Any]] {
        try await Client.decision(port, reply)["steps"] as? [[String: Any]] ?? []
    }

    @Test(arguments: [true, false])
    func `a target that is slow to begin is hedged, one answer is given and the loser is let go`(stream: Bool)
        async throws
    {
        let slow = Self.slow(.seconds(30)), quick = Self.quick()
        let gateway = try await Self.gateway(slow, quick)
        defer { withExtendedLifetime((slow, quick)) { gateway.stop() } }
        let reply = try await Client.chat(gateway.port, stream: stream)
        #expect(reply.status == 200 && reply.text.contains("quick") && !reply.text.contains("slow"))
        #expect(reply.elapsed < .milliseconds(3700), "before the limit for the first token: \(reply.elapsed)")
        let steps = try await steps(gateway.port, reply)
        let outcomes = steps.map { "\($0["target"] ?? "") \($0["purpose"] ?? "") \($0["outcome"] ?? "")" }
        #expect(outcomes == ["a/a-1 first outrun", "b/b-1 hedge ok"], "\(outcomes)")
        try await Task.sleep(for: .milliseconds(200))
        #expect(slow.ledger.openLines == 0, "the loser's connection is closed")
        let metrics = try await Client.get(gateway.port, "/metrics").body
        #expect(metrics.contains(#"holdfast_attempts_outrun_total{target="a/a-1"} 1"#))
    }

    @Test func `a stream that stands still after its first token is not hedged`() async throws {
        let stalling = Wall { _ in
            [Answer.streamHead, Answer.role()] + Answer.words(["one"]) + [.wait(.seconds(5))]
                + Answer.words([" two"]) + [Answer.finish(), Answer.done, Answer.streamEnd]
        }
        let quick = Self.quick(), gateway = try await Self.gateway(stalling, quick)
        defer { withExtendedLifetime((stalling, quick)) { gateway.stop() } }
        let reply = try await Client.chat(gateway.port, stream: true)
        let steps = try await steps(gateway.port, reply)
        #expect(reply.text.contains("two") && steps.count == 1, "\(steps)")
    }

    @Test
    func
        `two that fail beside each other are both told of, and nobody is asked beyond the attempts that are allowed`()
        async throws
    {
        let failing = Wall { _ in [.wait(.seconds(3.6)), Answer.response(500, Answer.error("first"))] }
        let other = Wall { _ in [.wait(.seconds(1)), Answer.response(500, Answer.error("second"))] }
        let gateway = try await Self.gateway(failing, other, more: "retry: { max_attempts: 2 }")
        defer { withExtendedLifetime((failing, other)) { gateway.stop() } }
        let reply = try await Client.chat(gateway.port)
        let steps = try await steps(gateway.port, reply).filter { $0["step"] as? String == "attempt" }
        #expect(reply.status >= 500)
        let outcomes = steps.map { "\($0["target"] ?? "") \($0["purpose"] ?? "") \($0["outcome"] ?? "")" }
        #expect(outcomes == ["a/a-1 first failed", "b/b-1 hedge failed"], "\(outcomes)")
    }

    @Test func `a failing target is left after two failures and comes back`() async throws {
        let isFailing = Flag()
        let target = Wall { call in
            isFailing.value ? [Answer.response(500, Answer.error("No."))] : Answer.good(call, "a")
        }
        let quick = Self.quick(), gateway = try await Self.gateway(target, quick)
        defer { withExtendedLifetime((target, quick)) { gateway.stop() } }
        for _ in 0..<5 {
            let reply = try await Client.chat(gateway.port)
            #expect(reply.text.contains("\"a\""))
        }
        isFailing.value = true
        for _ in 0..<10 {
            let reply = try await Client.chat(gateway.port)
            #expect(reply.text.contains("quick"))
        }
        let asked = target.ledger.calls.count
        for _ in 0..<20 { _ = try await Client.chat(gateway.port) }
        #expect(target.ledger.calls.count <= asked + 1, "its breaker is open")
        isFailing.value = false
        let deadline = ContinuousClock.now + .seconds(15)
        var isBack = false
        while !isBack, ContinuousClock.now < deadline {
            isBack = try await Client.chat(gateway.port).text.contains("\"a\"")
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(isBack)
    }

    @Test func `a decision says for each target what speaks for it and against it`() async throws {
        let first = Self.quick(), second = Self.quick()
        let gateway = try await Self.gateway(first, second)
        defer { withExtendedLifetime((first, second)) { gateway.stop() } }
        let reply = try await Client.chat(gateway.port)
        let decision = try await Client.decision(gateway.port, reply)
        let plan = decision["plan"] as? [[String: Any]] ?? []
        #expect(plan.map { $0["target"] as? String } == ["a/a-1", "b/b-1"])
        let terms = plan.first?["terms"] as? [String: Any] ?? [:]
        for term in [
            "worth", "quality", "price", "latency", "risk", "headroom", "success", "evidence", "noise",
        ] {
            #expect(terms[term] is Double || terms[term] is Int, "\(term) of \(terms)")
        }
        #expect(plan.first?["eligible"] as? Bool == true)
        #expect((decision["advantage"] as? String)?.contains("a/a-1 before b/b-1: ") == true, "\(decision)")
    }

    @Test func `when all targets want to be left alone the caller is told why and for how long, at once`()
        async throws
    {
        let limited = Wall { _ in
            [Answer.response(429, Answer.error("Slow down."), fields: ["retry-after: 30"])]
        }
        let other = Wall { _ in
            [Answer.response(429, Answer.error("Slow down."), fields: ["retry-after: 40"])]
        }
        let gateway = try await Self.gateway(limited, other)
        defer { withExtendedLifetime((limited, other)) { gateway.stop() } }
        let first = try await Client.chat(gateway.port)
        #expect(first.status == 429, "\(first.text)")
        #expect(first.elapsed < .seconds(1))
        let reply = try await Client.chat(gateway.port)
        #expect(reply.status == 429, "\(reply.text)")
        #expect(reply.elapsed < .milliseconds(500))
        let wait = Int(reply.field("retry-after") ?? "") ?? 0
        #expect((28...30).contains(wait), "\(wait)")
        #expect(limited.ledger.calls.count == 1 && other.ledger.calls.count == 1)
    }

    @Test func `when no key is accepted the caller is told so, and nobody is asked again`() async throws {
        let one = Wall { _ in [Answer.response(401, Answer.error("No."))] }
        let other = Wall { _ in [Answer.response(401, Answer.error("No."))] }
        let gateway = try await Self.gateway(one, other)
        defer { withExtendedLifetime((one, other)) { gateway.stop() } }
        for _ in 0..<3 {
            let reply = try await Client.chat(gateway.port)
            #expect(reply.status == 502 && reply.text.contains("upstream_authentication"), "\(reply.text)")
            #expect(reply.elapsed < .seconds(1), "\(reply.elapsed)")
        }
        #expect(one.ledger.calls.count == 1 && other.ledger.calls.count == 1)
    }

    @Test func `an answer of which nothing is seen before its end is not taken for late`() async throws {
        let target = Wall { call in [.wait(.seconds(1.2))] + Answer.good(call, "whole") }
        let quick = Self.quick()
        let gateway = try await Self.gateway(target, quick, more: "whole_answers: plain")
        defer { withExtendedLifetime((target, quick)) { gateway.stop() } }
        let replies = try await withThrowingTaskGroup(of: Client.Reply.self) { group in
            for _ in 0..<12 { group.addTask { try await Client.chat(gateway.port) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(replies.allSatisfy { $0.status == 200 })
        let metrics = try await Client.get(gateway.port, "/metrics").body
        #expect(!metrics.contains("holdfast_attempts_outrun_total{target=\"a/a-1\"} 1"), "no hedge")
        let late = try await Client.chat(gateway.port)
        #expect(late.text.contains("whole"), "its estimate has not suffered: \(late.text)")
    }

    @Test func `a target that says its limit is nearly used up is worth less`() async throws {
        let body = Answer.completion("scarce")
        let scarce = Wall { _ in
            [
                Answer.response(
                    200, body,
                    fields: ["x-ratelimit-limit-requests: 100", "x-ratelimit-remaining-requests: 3"])
            ]
        }
        let quick = Self.quick()
        let ports = [try await scarce.start(), try await quick.start()]
        let gateway = try await GatewayProcess(
            """
            providers:
              a: { kind: openai, base_url: "http://127.0.0.1:\(ports[0])/v1", api_key: none }
              b: { kind: openai, base_url: "http://127.0.0.1:\(ports[1])/v1", api_key: none }
            models:
              chat:
                strategy: adaptive
                whole_answers: plain
                targets:
                  - { provider: a, model: a-1, quality: 9, requests_per_minute: 600, burst: 100 }
                  - { provider: b, model: b-1, quality: 8.4, requests_per_minute: 600, burst: 100 }
            """)
        defer { withExtendedLifetime((scarce, quick)) { gateway.stop() } }
        for _ in 0..<5 { _ = try await Client.chat(gateway.port) }
        let decision = try await Client.decision(gateway.port, try await Client.chat(gateway.port))
        let plan = decision["plan"] as? [[String: Any]] ?? []
        let terms = plan.first { $0["target"] as? String == "a/a-1" }?["terms"] as? [String: Any] ?? [:]
        let headroom = terms["headroom"] as? Double ?? 0
        #expect(headroom < -0.1, "five of a hundred requests alone would not matter: \(headroom)")
    }
}
