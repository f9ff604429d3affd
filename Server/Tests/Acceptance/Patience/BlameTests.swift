import Foundation
import Testing
import Wall

/// Failures that come with one caller, one body or one feature, while the provider answers everybody else: they are not
/// the provider's, and do not take it away from others.
@Suite(.tags(.measuresTime)) struct Blame {
    /// What a server says that was started without the part for a kind of input.
    private static func unsupported(_ kind: String) -> Wall.Act {
        let message =
            "\(kind) input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
        return Answer.response(
            500, #"{"error":{"code":500,"message":"\#(message)","type":"server_error"}}"#)
    }

    private static let picture =
        #"[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,"#
        + #"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}}]"#
    private static let sound = #"[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]"#

    private static func show(
        _ port: Int, _ content: String = picture, stream: Bool = false, number: Int = 0, fields: [String] = []
    ) async throws -> Client.Reply {
        let body =
            #"{"model":"chat","stream":\#(stream),"seed":\#(number),"max_tokens":4,"#
            + #""messages":[{"role":"user","content":\#(content)}]}"#
        return try await Client.post(port, "/v1/chat/completions", body, fields: fields)
    }

    // MARK: Input that a model does not take

    @Test(arguments: [("image", picture), ("audio", sound)], [false, true])
    func `a model that takes no such input says so to the caller, once, and nobody else pays for it`(
        kind: (name: String, content: String), stream: Bool
    ) async throws {
        let pair = try await Pair(settings: {
            $0.withFallback = false
            $0.wholeAnswers = "auto"
        }) { call in
            call.body.contains("_url") || call.body.contains("input_audio")
                ? [Self.unsupported(kind.name)] : Answer.good(call)
        }
        for number in 0..<16 {
            let reply = try await Self.show(pair.gateway.port, kind.content, stream: stream, number: number)
            try requireFlawless(reply.flaws(asRefusal: 400, reply.errorCode ?? "none"))
            #expect(reply.errorMessage?.contains("\(kind.name) input is not supported") ?? false)
        }
        #expect(pair.callsToP.count == 16, "P was asked \(pair.callsToP.count) times by sixteen requests")
        #expect(try await pair.health().breaker == "closed")
        try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(1)))
    }

    @Test func `sixteen pictures do not take a real llama.cpp server of a text model away from others`()
        async throws
    {
        let server = try await RealLlamaServer()
        defer { server.kill() }
        let pair = try await Pair(settings: {
            $0.withFallback = false
            $0.wholeAnswers = "auto"
            $0.primaryURL = server.url
            $0.timeouts = "{ idle: 4s, total: 30s }"
        }) { _ in [] }
        for number in 0..<16 {
            let reply = try await Self.show(pair.gateway.port, stream: number % 2 == 0, number: number)
            #expect(reply.status == 400 && reply.field("x-should-retry") == "false", "\(reply.text)")
            #expect(try await pair.steps(reply, at: "p/p-1").count == 1)
        }
        #expect(try await pair.health().breaker == "closed")
        let reply = try await pair.chat(more: #","max_tokens":4"#)
        #expect(reply.status == 200 && reply.field("x-holdfast-provider") == "p", "\(reply.text)")
    }

    // MARK: What failures have in common

    /// What the requests that fail have in common, and no other has.
    enum Trait: String, CaseIterable, Sendable {
        case body, image, tools, schema, size

        /// The text of the request that has it, of that number.
        func request(_ number: Int, stream: Bool) -> String {
            let seed = #","seed":\#(self == .body ? 0 : number)"#
            let more =
                switch self {
                case .body, .image: ""
                case .tools:
                    #","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#
                case .schema:
                    #","response_format":{"type":"json_schema","json_schema":{"name":"s","#
                        + #""schema":{"type":"object"}}}"#
                case .size: #","metadata":{"a":"\#(String(repeating: "word ", count: 20_000))"}"#
                }
            let content = self == .image ? Blame.picture : #""Please fail.""#
            return #"{"model":"chat","stream":\#(stream),"user":"cursed","#
                + #""messages":[{"role":"user","content":\#(content)}]\#(seed)\#(more)}"#
        }
    }

    @Test(arguments: Trait.allCases, [false, true])
    func `failures that share a body or a feature open no breaker while other requests are answered`(
        trait: Trait, withFallback: Bool
    ) async throws {
        let pair = try await Pair(
            settings: { $0.withFallback = withFallback },
            // An answer that is JSON for those who want it.
            fallback: { Answer.good($0, $0.user == "cursed" ? "{}" : Pair.answerOfF, model: "f-1") }
        ) { call in
            call.user == "cursed" ? [Answer.response(500, Answer.error("No."))] : Answer.good(call)
        }
        for number in 0..<16 {
            let stream = number % 2 == 0
            let bad = trait.request(number, stream: stream && trait != .body)
            let reply = try await Client.post(pair.gateway.port, "/v1/chat/completions", bad)
            #expect(reply.status == (withFallback ? 200 : 502), "\(reply.status): \(reply.body.prefix(200))")
            guard number % 3 == 0 else { continue }
            let good = try await pair.chat(stream: stream, more: #","seed":\#(1000 + number)"#)
            try requireFlawless(good.flaws(asAnswerOfPWithin: .seconds(1)).of("after \(number + 1) failures"))
        }
        #expect(try await pair.health().breaker == "closed")
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [false, true])
    func `failures of one caller's requests open no breaker while another caller is answered`(
        withFallback: Bool
    ) async throws {
        let keys = ["one-caller-key-0123456789", "two-caller-key-0123456789"]
        let p = Wall { call in
            call.user == "cursed" ? [Answer.response(500, Answer.error("No."))] : Answer.good(call)
        }
        let f = Wall { Answer.good($0, Pair.answerOfF) }
        let more = withFallback ? ", { provider: f, model: m }" : ""
        let gateway = try await GatewayProcess(
            """
            auth:
              admin_key: admin-key-0123456789
              keys: [ { name: one, key: \(keys[0]) }, { name: two, key: \(keys[1]) } ]
            providers:
              p: { kind: openai, base_url: "http://127.0.0.1:\(try await p.start())/v1", api_key: none }
              f: { kind: openai, base_url: "http://127.0.0.1:\(try await f.start())/v1", api_key: none }
            models:
              chat: { targets: [ { provider: p, model: m }\(more) ] }
            """)
        defer { withExtendedLifetime((p, f)) { gateway.stop() } }
        for number in 0..<16 {
            let bad = try await Client.chat(
                gateway.port, more: #","seed":\#(number),"user":"cursed""#,
                fields: ["authorization: Bearer \(keys[0])"])
            #expect(bad.status == (withFallback ? 200 : 502), "\(bad.status): \(bad.body.prefix(200))")
            guard number % 3 == 0 else { continue }
            let good = try await Client.chat(
                gateway.port, more: #","seed":\#(1000 + number)"#,
                fields: ["authorization: Bearer \(keys[1])"])
            try requireFlawless(good.flaws(asAnswerOfPWithin: .seconds(1)).of("after \(number + 1) failures"))
        }
    }

    @Test(arguments: [false, true])
    func `control: failures that have nothing in common open the breaker among answers`(withFallback: Bool)
        async throws
    {
        let pair = try await Pair(settings: { $0.withFallback = withFallback }) { call in
            // Two of three fail, whatever is asked.
            call.number % 3 > 0 ? [Answer.response(503, Answer.error("No."))] : Answer.good(call)
        }
        for number in 0..<30 {
            _ = try await pair.chat(
                stream: number % 2 == 0, more: #","seed":\#(number),"user":"\#(number)""#)
            if try await pair.health().breaker != "closed" { break }
        }
        #expect(try await pair.health().breaker != "closed")
    }
}
