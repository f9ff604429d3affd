import Foundation
import Testing
import Wall

/// Sessions that stay at the target which answered them, from outside.
@Suite(.tags(.measuresTime)) struct StickyTests {
    /// Three providers that can be made to fail, and a gateway before them.
    private struct Trio {
        let walls: [Wall]
        let isFailing: [Flag]
        let gateway: GatewayProcess

        init(strategy: String = "round_robin", sticky: String = "{ by: header }", auth: String = "")
            async throws
        {
            let names = ["a", "b", "c"], flags = names.map { _ in Flag() }
            isFailing = flags
            walls = names.indices.map { index in
                Wall { call in
                    flags[index].value
                        ? [Answer.response(503, Answer.error("No."))] : Answer.good(call, names[index])
                }
            }
            var providers = "", targets = ""
            for (name, wall) in zip(names, walls) {
                let port = try await wall.start()
                providers +=
                    "  \(name): { kind: openai, base_url: \"http://127.0.0.1:\(port)/v1\", api_key: none }\n"
                // The first is worth most by far.
                targets += "      - { provider: \(name), model: m, quality: \(name == "a" ? 10 : 7) }\n"
            }
            gateway = try await GatewayProcess(
                """
                \(auth)
                providers:
                \(providers)
                models:
                  chat:
                    strategy: \(strategy)
                    \(strategy == "adaptive" ? "prefer: quality" : "")
                    sticky: \(sticky)
                    breaker: { minimum_calls: 100, consecutive_failures: 0 }
                    targets:
                \(targets)
                """)
        }

        func stop() { withExtendedLifetime(walls) { gateway.stop() } }

        /// Who answers; nobody if there is no answer.
        func provider(_ fields: String..., user: String? = nil) async throws -> String {
            let more = user.map { #","user":"\#($0)""# } ?? ""
            let reply = try await Client.chat(gateway.port, more: more, fields: fields)
            return reply.status == 200 ? reply.field("x-holdfast-provider") ?? "?" : "nobody"
        }

        func providers(_ count: Int, _ field: String) async throws -> Set<String> {
            var providers: Set<String> = []
            for _ in 0..<count { providers.insert(try await provider(field)) }
            return providers
        }
    }

    @Test func `a session stays at its target, others and those without one take their turns`() async throws {
        let trio = try await Trio()
        defer { trio.stop() }
        let first = try await trio.provider("x-holdfast-session: one")
        let second = try await trio.provider("X-Holdfast-Session: two")
        #expect(first == "a" && second == "b")
        #expect(try await trio.providers(6, "x-other: 1") == ["a", "b", "c"])
        #expect(try await trio.providers(4, "x-holdfast-session: one") == ["a"])
        #expect(try await trio.providers(4, "x-holdfast-session: two") == ["b"])
    }

    @Test func `a session moves when its target fails, stays where it went, and comes back when that fails`()
        async throws
    {
        let trio = try await Trio(strategy: "priority")
        defer { trio.stop() }
        let session = "x-holdfast-session: one"
        #expect(try await trio.providers(2, session) == ["a"])
        trio.isFailing[0].value = true
        #expect(try await trio.provider(session) == "b")
        trio.isFailing[0].value = false
        #expect(try await trio.providers(3, session) == ["b"])
        #expect(try await trio.provider("x-holdfast-session: new") == "a")
        trio.isFailing[1].value = true
        #expect(try await trio.provider(session) == "a")
        trio.isFailing[1].value = false
        #expect(try await trio.providers(3, session) == ["a"])
    }

    @Test func `a session stays at a target that another one is worth more than, as long as it can be asked`()
        async throws
    {
        let trio = try await Trio(strategy: "adaptive")
        defer { trio.stop() }
        let session = "x-holdfast-session: one"
        trio.isFailing[0].value = true
        let refuge = try await trio.provider(session)
        #expect(refuge == "b" || refuge == "c")
        trio.isFailing[0].value = false
        #expect(try await trio.providers(5, session) == [refuge])
        #expect(try await trio.provider("x-other: 1") == "a")
        let reply = try await Client.chat(trio.gateway.port, fields: [session])
        let decision = try await Client.decision(trio.gateway.port, reply)
        let said = decision["session"] as? [String: Any] ?? [:]
        #expect(said["by"] as? String == "x-holdfast-session" && said["kept"] as? Bool == true)
        #expect(said["target"] as? String == "\(refuge)/m")
        #expect(!"\(decision)".contains("one"), "the value is kept nowhere")
        #expect(decision["advantage"] == nil, "it was not chosen by its worth")
    }

    @Test func `a session that may not fall back is refused while its target fails, and not moved`()
        async throws
    {
        let trio = try await Trio(strategy: "priority")
        defer { trio.stop() }
        let session = "x-holdfast-session: one"
        trio.isFailing[0].value = true
        #expect(try await trio.provider(session) == "b")
        trio.isFailing[1].value = true
        #expect(try await trio.provider(session, "x-holdfast-fallback: false") == "nobody")
        trio.isFailing[1].value = false
        #expect(try await trio.provider(session, "x-holdfast-fallback: false") == "b")
    }

    @Test func `the same name is another session for another key`() async throws {
        let trio = try await Trio(
            auth: """
                auth:
                  keys: [ { name: web, key: key-of-web }, { name: app, key: key-of-app } ]
                """)
        defer { trio.stop() }
        let session = "x-holdfast-session: one"
        #expect(try await trio.provider("authorization: Bearer key-of-web", session) == "a")
        #expect(try await trio.provider("authorization: Bearer key-of-app", session) == "b")
        #expect(try await trio.provider("authorization: Bearer key-of-web", session) == "a")
        #expect(try await trio.provider("authorization: Bearer key-of-app", session) == "b")
    }

    @Test func `the user that a request names can be the session, however it is written`() async throws {
        let trio = try await Trio(sticky: "{ by: user, for: 1h }")
        defer { trio.stop() }
        #expect(try await trio.provider(user: "one") == "a")
        #expect(try await trio.provider(user: "two") == "b")
        #expect(try await trio.provider(user: "on\\u0065") == "a")
        #expect(try await trio.provider(user: "two") == "b")
        let long = String(repeating: "x", count: 257)
        let providers = [try await trio.provider(user: long), try await trio.provider(user: long)]
        #expect(providers[0] != providers[1], "too long to be one")
    }

    @Test func `a header of another name can be the session, within a length`() async throws {
        let trio = try await Trio(sticky: "{ header: X-Chat-Id, for: 1s }")
        defer { trio.stop() }
        #expect(try await trio.providers(2, "x-chat-id: 7") == ["a"])
        let long = try await Client.chat(
            trio.gateway.port, fields: ["x-chat-id: " + String(repeating: "x", count: 257)])
        #expect(long.status == 400 && long.errorField == "x-chat-id", "\(long.text)")
        try await Task.sleep(for: .milliseconds(1100))
        #expect(try await trio.provider("x-chat-id: 7") != "a", "forgotten: somebody else's turn")
    }

    @Test func `sessions survive another configuration`() async throws {
        let trio = try await Trio()
        defer { trio.stop() }
        #expect(try await trio.provider("x-holdfast-session: one") == "a")
        #expect(try await trio.provider("x-holdfast-session: two") == "b")
        let file = trio.gateway.directory.appendingPathComponent("holdfast.yaml")
        let text = try String(contentsOf: file, encoding: .utf8)
        try Data((text + "\nlogging: { access: false }\n").utf8).write(to: file)
        trio.gateway.signal(SIGHUP)
        let deadline = ContinuousClock.now + .seconds(10)
        while !trio.gateway.standardError.contains("reload"), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        try await Task.sleep(for: .milliseconds(200))
        #expect(try await trio.providers(3, "x-holdfast-session: two") == ["b"])
        #expect(try await trio.providers(3, "x-holdfast-session: one") == ["a"])
    }
}
