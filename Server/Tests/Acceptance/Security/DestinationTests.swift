import Foundation
import Testing
import Wall

/// The caller never names where a request goes (threats S1, S3, S4, S10).
@Suite(.tags(.measuresTime)) struct Destination {
    private static let names = [
        "api_base", "base_url", "api_key", "endpoint", "azure_endpoint", "extra_headers", "organization",
        "proxy", "custom_llm_provider",
    ]

    @Test func `S1: members and fields that would name another host are refused by name and lead nowhere`()
        async throws
    {
        let pair = try await Pair { Answer.good($0) }
        let trap = Wall { Answer.good($0) }
        let url = "http://127.0.0.1:\(try await trap.start())"
        for name in Self.names {
            let reply = try await pair.chat(more: #","\#(name)":"\#(url)""#)
            try requireFlawless(reply.flaws(asRefusal: 400, "unsupported_parameter").of(name))
            #expect(reply.errorField == name)
            #expect(!reply.body.contains(url), "what was sent is not said back")
        }
        for field in ["x-portkey-custom-host", "x-portkey-config"] {
            let reply = try await Client.chat(pair.gateway.port, fields: ["\(field): \(url)"])
            #expect(reply.status == 400 && reply.errorField == field, "\(field): \(reply.body)")
        }
        // Other such fields mean nothing here, and do not reach the provider.
        let strange = ["x-base-url", "x-forwarded-host", "x-upstream", "openai-organization", "api-key"]
        let reply = try await Client.chat(pair.gateway.port, fields: strange.map { "\($0): \(url)" })
        try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(1)))
        let head = try #require(pair.callsToP.last).head
        #expect(!head.contains(url) && strange.allSatisfy { !head.lowercased().contains($0) })
        #expect(trap.ledger.lines.isEmpty, "somebody connected to the address that the caller named")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S1: a member given twice, or under another spelling, does not slip past`() async throws {
        let pair = try await Pair { Answer.good($0) }
        let trap = Wall { Answer.good($0) }
        let url = "http://127.0.0.1:\(try await trap.start())"
        for more in [#","base\u005furl":"\#(url)""#, #","stop":null,"base_url":null,"base_url":"\#(url)""#] {
            let reply = try await pair.chat(more: more)
            #expect(reply.status == 400, "\(more): \(reply.status)")
        }
        // A model is a name among those that are configured, whatever it looks like.
        for model in [url, "\(url)/v1", "p@127.0.0.1", "p/../f", "//evil", "p-1#", "p?x=1"] {
            let reply = try await pair.chat(model)
            try requireFlawless(reply.flaws(asRefusal: 404, "model_not_found").of(model))
        }
        #expect(pair.callsToP.isEmpty && trap.ledger.lines.isEmpty)
    }

    @Test(arguments: [
        "http://127.0.0.1:9#", "http://a@b/v1", "http://a:b@c/v1", "http://a b/", "http://a?b", "a/b",
        "file:///etc",
        "gopher://a", "http://", "http://a:99999", "http://a:0", "http://a\\r\\nhost: b/", "http://a/\\u0000",
        "//a/v1",
        "http://a%2eb/", "http://[::1", "http://a\\\\@b",
    ])
    func `S3: a base URL that is not one plain host and path is refused with its line`(url: String)
        async throws
    {
        let text = """
            providers:
              p: { kind: openai, base_url: "\(url)" }
            models:
              chat: { targets: [ { provider: p, model: m } ] }
            """
        let result = try await Command.run(["check"], configuration: text)
        #expect(result.status != 0)
        #expect(result.output.contains(":2:"), "\(result.output)")
        #expect(result.output.contains("base_url"), "\(result.output)")
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `S4: a redirect is not followed, and the key goes nowhere`(status: Int) async throws {
        let trap = Wall { Answer.good($0) }
        let place = "http://127.0.0.1:\(try await trap.start())/v1/chat/completions"
        let pair = try await Pair(settings: { $0.withFallback = false }) { _ in
            [Answer.response(status, "", fields: ["location: \(place)"])]
        }
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream)
            try requireFlawless(reply.flaws(asRefusal: 502, "upstream_error"))
            #expect(!reply.raw.contains(place.utf8), "the address is not passed on")
        }
        #expect(trap.ledger.lines.isEmpty, "the redirect was followed")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S10: what looks like a template stays text`() async throws {
        let pair = try await Pair { call in
            Answer.good(call, "{{7*7}} ${7*7} <%=7*7%>")
        }
        let texts = ["{{7*7}}", "${7*7}", "<%=7*7%>", "#{7*7}", "$(id)", "`id`", "%{7*7}"]
        for text in texts {
            let reply = try await pair.chat(more: #","user":"\#(text)""#)
            #expect(reply.answer == "{{7*7}} ${7*7} <%=7*7%>")
            #expect(try #require(pair.callsToP.last).user == text)
            let unknown = try await pair.chat(text)
            #expect(unknown.status == 404 && unknown.body.contains(text) && !unknown.body.contains("49"))
        }
    }
}
