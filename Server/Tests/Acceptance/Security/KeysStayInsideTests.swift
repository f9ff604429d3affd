import Foundation
import Testing
import Wall

/// A provider's key reaches the provider and nobody else (threats S11, S28).
@Suite(.tags(.measuresTime)) struct KeysStayInside {
    private static let key = "sk-CANARY-0123456789abcdefghijklmnopqrstuvwxyz"

    /// The forms in which a key could show itself.
    private static var forms: [String] {
        [
            key, String(key.suffix(12)), String(key.dropFirst(3).prefix(16)),
            Data(key.utf8).base64EncodedString().replacingOccurrences(of: "=", with: ""),
            Data("Bearer \(key)".utf8).base64EncodedString(), key.replacingOccurrences(of: "-", with: "%2D"),
            key.utf8.map { String($0, radix: 16) }.joined(),
        ]
    }

    /// What a provider that knows the key may do with it.
    private static func betray(_ call: Wall.Call) -> [Wall.Act] {
        let words =
            "Your key \(call.field("authorization") ?? key) is wrong. Incorrect API key provided: \(key)."
        let fields = ["x-debug: \(key)", "www-authenticate: Bearer \(key)", "set-cookie: k=\(key)"]
        let name = call.model.dropFirst(2)
        switch name {
        case "cut":
            return [Answer.streamHead, Answer.role()] + Answer.words(["Hel"])
                + [Answer.event(Answer.error(words)), Answer.streamEnd]
        case "inside": return [Answer.response(200, Answer.error(words), fields: fields)]
        case "page": return [Answer.response(502, "<html>\(words)</html>", type: "text/html", fields: fields)]
        case "plain": return [Answer.response(400, words, type: "text/plain", fields: fields)]
        case "split":
            let half = key.prefix(20) + "\\u002d" + key.dropFirst(21)
            return [Answer.response(400, Answer.error("bad \(half)"), fields: fields)]
        case "redirect":
            return [Answer.response(307, "", fields: ["location: http://127.0.0.1:9/?key=\(key)"] + fields)]
        case "code":
            let error = #"{"error":{"message":"no","type":"\#(key)","code":"\#(key)","param":"\#(key)"}}"#
            return [Answer.response(400, error, fields: fields)]
        case "head": return [.text("HTTP/1.1 200 OK \(key)\r\nx: \(key)\r\nno colon \(key)\r\n\r\n")]
        case "hang": return [.hang]
        case "id":
            return [
                Answer.response(
                    200, Answer.completion(), fields: ["x-request-id: \(key)", "openai-organization: \(key)"])
            ]
        default: return [Answer.response(Int(name) ?? 500, Answer.error(words, code: "c"), fields: fields)]
        }
    }

    private static let ways =
        [400, 401, 402, 403, 404, 413, 422, 429, 500, 503].map { "m-\($0)" }
        + ["cut", "inside", "page", "plain", "split", "redirect", "code", "head", "hang", "id"].map {
            "m-\($0)"
        }

    @Test func `S11: whatever a provider says about its key, no output of the gateway holds it`() async throws
    {
        let pair = try await Pair(settings: {
            $0.provider = "api_key: \(Self.key)"
            $0.withFallback = false
            $0.routes = Self.ways
        }) { Self.betray($0) }
        var said = ""
        for way in Self.ways {
            for stream in [false, true] {
                let reply = try await pair.chat(way, stream: stream)
                said += reply.text + (try await Client.decision(pair.gateway.port, reply).description)
            }
        }
        #expect(pair.callsToP.contains { $0.head.contains(Self.key) }, "the provider must have got the key")
        for path in ["/metrics", "/health", "/v1/models", "/admin/routes"] {
            said += try await Client.get(pair.gateway.port, path).text
        }
        try pair.gateway.replaceConfiguration(pair.settings.text + "\nwrong: \(Self.key)")
        pair.gateway.signal(SIGHUP)
        _ = try await eventually { pair.gateway.standardError.contains("unknown") }
        let written = pair.gateway.standardOutput + pair.gateway.standardError
        for form in Self.forms {
            #expect(!said.contains(form), "a caller can see it as \(form.prefix(20))")
            if form != Self.key { continue }
            #expect(!written.contains("Bearer \(form)"))
        }
        for form in Self.forms where !pair.settings.text.isEmpty {
            #expect(!pair.gateway.standardOutput.contains(form))
            #expect(!pair.gateway.standardError.contains(form), "it is logged as \(form.prefix(20))")
        }
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S11: a certificate that is not trusted tells nothing about the key`() async throws {
        let pair = try await Pair(settings: {
            $0.provider = "api_key: \(Self.key)"
            $0.primaryURL = $0.primaryURL.replacingOccurrences(of: "http://", with: "https://")
            $0.withFallback = false
        }) { Answer.good($0) }
        let reply = try await pair.chat()
        #expect((500..<600).contains(reply.status))
        let said = reply.text + pair.gateway.standardOutput + pair.gateway.standardError
        #expect(!Self.forms.contains(where: said.contains))
        #expect(pair.callsToP.isEmpty)
    }

    @Test func `S11: a wrong key in the configuration is named by its place, not by its value`() async throws
    {
        let text = """
            auth: { admin_key: "\(Self.key)", keys: [ { name: a, key: "\(Self.key)" } ] }
            providers:
              p: { kind: openai, api_keys: [ "\(Self.key) with spaces", "\(Self.key)", "\(Self.key)" ] }
            models:
              chat: { targets: [ { provider: p, model: m } ] }
            """
        let result = try await Command.run(["check"], configuration: text)
        #expect(result.status == 1 && result.output.contains("p.api_keys"), "\(result.output)")
        #expect(!result.output.contains(Self.key))
    }

    @Test func `S28: fields of caller and provider are passed on only where they are known to be harmless`()
        async throws
    {
        let pair = try await Pair { call in
            let fields = [
                "set-cookie: a=b", "server: wall", "access-control-allow-origin: *", "x-api-key: secret",
                "x-holdfast-provider: liar", "connection: x-hop", "x-hop: 1", "via: wall",
                "content-language: de",
            ]
            return [Answer.response(200, Answer.completion(), fields: fields)]
        }
        let sent = [
            "cookie: session=1", "x-forwarded-for: 1.2.3.4", "x-api-key: callers-own-key",
            "authorization: Bearer callers-own-key", "connection: authorization", "te: trailers",
            "proxy-authorization: Basic eA==", "openai-organization: org", "user-agent: callers-agent",
            "x-request-id: mine", "via: proxy",
        ]
        let reply = try await Client.chat(pair.gateway.port, fields: sent)
        try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(1)))
        let names = Set(
            reply.head.split(separator: "\r\n").dropFirst().compactMap { $0.split(separator: ":").first }
                .map { $0.lowercased() })
        let allowed: Set = [
            "content-type", "content-length", "date", "connection", "x-request-id", "x-holdfast-provider",
            "request-id", "x-holdfast-model", "x-holdfast-attempts", "x-holdfast-decision",
            "x-holdfast-overhead-us",
        ]
        #expect(names.subtracting(allowed).isEmpty, "\(names.subtracting(allowed)) was passed on")
        #expect(reply.field("x-holdfast-provider") == "p")
        let head = try #require(pair.callsToP.first).head.lowercased()
        for text in [
            "callers-own-key", "cookie", "1.2.3.4", "org", "via", "te:", "proxy-auth", "callers-agent",
        ] {
            #expect(!head.contains(text), "'\(text)' reached the provider")
        }
        #expect(reply.field("x-request-id")?.hasPrefix("req_") ?? false, "the identity is the gateway's own")
    }

    @Test(arguments: [
        "x-request-id: a\rset-cookie: x=1", "x-request-id: a\nset-cookie: x=1", "x-request-id: a\u{0}b",
        "x-request-id : a", " x-request-id: a", "x-\u{7F}: a", "x y: a", "x-request-id: a\r\n folded",
    ])
    func `S28: a field with a character that could end it is refused`(field: String) async throws {
        let pair = try await Pair { Answer.good($0) }
        let reply = try await Client.chat(pair.gateway.port, fields: [field])
        #expect(reply.status == 400 && reply.isWellEnded && reply.closed, "\(reply.head)")
        #expect(!reply.head.lowercased().contains("set-cookie"))
        #expect(pair.callsToP.isEmpty)
    }
}
