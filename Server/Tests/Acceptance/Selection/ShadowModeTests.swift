import Foundation
import Testing
import Wall

/// A strategy that ranks beside another one, from outside.
@Suite struct ShadowModeTests {
    /// Two providers, of which the first is dear, and a gateway before them.
    private struct Duo {
        let dear = Wall { Answer.good($0, "dear") }, cheap = Wall { Answer.good($0, "cheap") }
        let ports: [Int]
        let gateway: GatewayProcess

        init(_ lines: String, keepsSessions: Bool = false) async throws {
            ports = [try await dear.start(), try await cheap.start()]
            // Hundreds of requests, one after the other.
            gateway = try await GatewayProcess(Self.text(ports, lines), places: Stage.shared.places)
        }

        static func text(_ ports: [Int], _ lines: String) -> String {
            """
            providers:
              dear: { kind: openai, base_url: "http://127.0.0.1:\(ports[0])/v1", api_key: none }
              cheap: { kind: openai, base_url: "http://127.0.0.1:\(ports[1])/v1", api_key: none }
            models:
              chat:
                \(lines)
                targets:
                  - { provider: dear, model: m, quality: 8.5, price_in: 100, price_out: 400 }
                  - { provider: cheap, model: m, quality: 8.5, price_in: 1, price_out: 4 }
            """
        }

        func decision(fields: [String] = []) async throws -> [String: Any] {
            let reply = try await Client.chat(gateway.port, fields: fields)
            #expect(reply.status == 200)
            return try await Client.decision(gateway.port, reply)
        }

        func metric(_ name: String) async throws -> Double {
            let lines = try await Client.get(gateway.port, "/metrics").body.split(separator: "\n")
            return lines.first { $0.hasPrefix(name + " ") }.flatMap { Double($0.dropFirst(name.count + 1)) }
                ?? 0
        }

        func end() { withExtendedLifetime((dear, cheap)) { gateway.stop() } }
    }

    @Test func `the shadow ranks each request, asks nobody, and says what it would have gained`() async throws
    {
        let duo = try await Duo("strategy: priority\n    shadow: adaptive")
        defer { duo.end() }
        for _ in 0..<10 {
            let decision = try await duo.decision()
            #expect(
                decision["provider"] as? String == "dear" && decision["strategy"] as? String == "priority")
            let shadow = try #require(decision["shadow"] as? [String: Any])
            #expect(shadow["strategy"] as? String == "adaptive" && shadow["rolled_out"] as? Bool == false)
            #expect(shadow["would_ask"] as? String == "cheap/m" && shadow["differs"] as? Bool == true)
            let gain = try #require(shadow["gain"] as? [String: Double])
            // About 300 tokens of an answer at $400 for a million, beside $4.
            #expect(abs((gain["dollars"] ?? 0) - 0.12) < 0.01, "\(gain)")
            #expect(gain["seconds"] != nil && gain["success"] != nil)
        }
        #expect(duo.cheap.ledger.calls.isEmpty)
        let labels = #"route="chat",decided_by="own""#
        #expect(try await duo.metric("holdfast_shadow_differs_total{\(labels)}") == 10)
        let answered = try await duo.metric(
            "holdfast_shadow_requests_total{\(labels),outcome=\"answered\"}")
        #expect(answered == 10)
        let dollars = try await duo.metric("holdfast_shadow_gain_dollars{\(labels)}")
        #expect(abs(dollars - 1.2) < 0.1, "\(dollars)")
    }

    @Test func `a shadow that would do the same gains nothing`() async throws {
        let duo = try await Duo("strategy: adaptive\n    shadow: cheapest")
        defer { duo.end() }
        let shadow = try await duo.decision()["shadow"] as? [String: Any]
        #expect(shadow?["would_ask"] as? String == "cheap/m" && shadow?["differs"] as? Bool == false)
        #expect((shadow?["gain"] as? [String: Double])?.values.allSatisfy { $0 == 0 } == true)
    }

    @Test func `by and by the shadow decides, as the configuration says, without a restart`() async throws {
        let duo = try await Duo("strategy: priority\n    shadow: adaptive\n    rollout: 0%")
        defer { duo.end() }
        #expect(try await duo.decision()["provider"] as? String == "dear")
        try duo.gateway.replaceConfiguration(
            Duo.text(duo.ports, "strategy: priority\n    shadow: adaptive\n    rollout: 100%"))
        duo.gateway.signal(SIGHUP)
        let isThere = try await eventually { try await duo.decision()["provider"] as? String == "cheap" }
        #expect(isThere)
        let decision = try await duo.decision(), shadow = decision["shadow"] as? [String: Any]
        #expect(decision["strategy"] as? String == "adaptive")
        #expect(shadow?["strategy"] as? String == "priority" && shadow?["rolled_out"] as? Bool == true)
        #expect(shadow?["would_ask"] as? String == "dear/m" && shadow?["differs"] as? Bool == true)
        #expect(((shadow?["gain"] as? [String: Double])?["dollars"] ?? 0) > 0.1, "what was gained")
    }

    @Test func `half of the requests are decided by each`() async throws {
        let duo = try await Duo("strategy: priority\n    shadow: adaptive\n    rollout: 50%")
        defer { duo.end() }
        var decided = 0
        for _ in 0..<80 {
            let reply = try await Client.chat(duo.gateway.port)
            decided += reply.field("x-holdfast-provider") == "cheap" ? 1 : 0
        }
        #expect((20...60).contains(decided), "\(decided)")
        var counted = 0.0
        for decider in ["own", "shadow"] {
            counted += try await duo.metric(
                "holdfast_shadow_requests_total{route=\"chat\",decided_by=\"\(decider)\",outcome=\"answered\"}"
            )
        }
        #expect(counted == 80)
    }

    @Test func `a session is decided by the same strategy, and stays where it is`() async throws {
        let duo = try await Duo(
            "strategy: priority\n    shadow: adaptive\n    rollout: 50%\n    sticky: { by: header }")
        defer { duo.end() }
        var strategies: Set<String> = []
        for session in 0..<12 {
            var own: Set<String> = [], providers: Set<String> = []
            for _ in 0..<3 {
                let decision = try await duo.decision(fields: ["x-holdfast-session: s\(session)"])
                own.insert(decision["strategy"] as? String ?? "")
                providers.insert(decision["provider"] as? String ?? "")
            }
            #expect(own.count == 1 && providers.count == 1, "\(own) \(providers)")
            strategies.formUnion(own)
        }
        #expect(strategies == ["priority", "adaptive"])
    }

    @Test(arguments: [
        ("shadow: round_robin", "models.chat.shadow: must be a strategy that learns: one of adaptive,"),
        ("strategy: adaptive\n    shadow: adaptive", "models.chat.shadow: must be another one than strategy"),
        ("rollout: 5%", "models.chat.rollout: needs shadow as well"),
        (
            "shadow: ucb\n    rollout: 0.25",
            "models.chat.rollout: must be a share of requests from 0% to 100%"
        ),
        ("shadow: ucb\n    rollout: 101%", "such as 25%, not '101%'"),
    ])
    func `mistakes are named with the way to mend them`(lines: String, words: String) async throws {
        let result = try await Command.run(["check"], configuration: Duo.text([1, 2], lines))
        #expect(result.status != 0 && result.output.contains(words), "\(result.output)")
    }
}
