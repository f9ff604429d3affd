import Foundation
import Testing
import Wall

/// Requests that are wrong: a 4xx in OpenAI's shape that names the field, never a crash and never a 5xx (threat S24).
@Suite(.tags(.measuresTime)) struct BadInput {
    private struct Case {
        var name: String, body: [UInt8], status: Int, code: String
        var field: String?

        init(
            _ name: String, _ body: String, _ status: Int = 400, _ code: String = "invalid_json",
            _ field: String? = nil
        ) {
            self.init(name, Array(body.utf8), status, code, field)
        }

        init(_ name: String, _ body: [UInt8], _ status: Int, _ code: String, _ field: String? = nil) {
            (self.name, self.body, self.status, self.code, self.field) = (name, body, status, code, field)
        }
    }

    private static func chat(_ members: String) -> String {
        #"{"model":"chat","messages":[{"role":"user","content":"Hi"}],\#(members)}"#
    }

    private static let cases: [Case] =
        [
            Case("nothing", "", 400, "empty_body"), Case("blank", "   "), Case("text", "hello"),
            Case("array", "[]"),
            Case("number", "1"), Case("null", "null"), Case("string", #""model""#), Case("open", "{"),
            Case("cut", #"{"model":"chat","messages":[{"role":"us"#), Case("comma", #"{"model":"chat",}"#),
            Case("two values", Client.chatBody() + "{}"), Case("single quotes", "{'model':'chat'}"),
            Case("comment", "{/* */\"model\":\"chat\"}"), Case("no colon", #"{"model" "chat"}"#),
            Case("NaN", chat(#""temperature":NaN"#), 400, "invalid_json", "temperature"),
            Case("Infinity", chat(#""temperature":-Infinity"#), 400, "invalid_json", "temperature"),
            Case("1e400", chat(#""temperature":1e400"#), 400, "invalid_json", "temperature"),
            Case("-1e400", chat(#""seed":-1e400"#), 400, "invalid_json", "seed"),
            Case("leading zero", chat(#""seed":01"#), 400, "invalid_json", "seed"),
            Case("plus", chat(#""n":+1"#), 400, "invalid_json", "n"),
            Case(
                "long number", chat("\"top_p\":0.\(String(repeating: "1", count: 70))"), 400, "invalid_json",
                "top_p"),
            Case("lone surrogate", chat(#""user":"\ud800""#), 400, "invalid_json", "user"),
            Case("bad escape", chat(#""user":"\x""#), 400, "invalid_json", "user"),
            Case("control character", chat("\"user\":\"a\u{1}\""), 400, "invalid_json", "user"),
            Case("raw NUL", chat("\"user\":\"a\u{0}\""), 400, "invalid_json", "user"),
            Case("deep arrays", String(repeating: "[", count: 100_000)),
            Case(
                "deep in a member", chat("\"metadata\":\(String(repeating: "{\"a\":", count: 100_000))"), 400,
                "invalid_json"),
            Case(
                "deep message", #"{"model":"chat","messages":\#(String(repeating: "[", count: 100_000))"#,
                400, "invalid_type", "messages[0]"),
            Case(
                "bad UTF-8", Array(#"{"model":"chat","user":""#.utf8) + [0xFF, 0xFE] + Array("\"}".utf8), 400,
                "invalid_utf8"),
            Case(
                "overlong UTF-8", Array(#"{"user":""#.utf8) + [0xC0, 0xAF] + Array("\"}".utf8), 400,
                "invalid_utf8"),
            Case(
                "UTF-16", Array(Data(Client.chatBody().data(using: .utf16LittleEndian) ?? Data())), 400,
                "invalid_json"),
            Case(
                "no model", #"{"messages":[{"role":"user","content":"Hi"}]}"#, 400,
                "missing_required_parameter", "model"),
            Case("model is a number", #"{"model":1,"messages":[]}"#, 400, "invalid_type", "model"),
            Case("model is null", #"{"model":null,"messages":[]}"#, 400, "invalid_type", "model"),
            Case(
                "unknown model", #"{"model":"none","messages":[{"role":"user","content":"Hi"}]}"#, 404,
                "model_not_found", "model"),
            Case(
                "empty model", #"{"model":"","messages":[{"role":"user","content":"Hi"}]}"#, 400,
                "invalid_value", "model"),
            Case(
                "model twice",
                #"{"model":"chat","model":"chat","messages":[{"role":"user","content":"Hi"}]}"#, 400,
                "duplicate_field", "model"),
            Case("no messages", #"{"model":"chat"}"#, 400, "missing_required_parameter", "messages"),
            Case("messages is text", #"{"model":"chat","messages":"Hi"}"#, 400, "invalid_type", "messages"),
            Case("messages is empty", #"{"model":"chat","messages":[]}"#, 400, "empty_array", "messages"),
            Case(
                "message is text", #"{"model":"chat","messages":["Hi"]}"#, 400, "invalid_type", "messages[0]"),
            Case(
                "no role", #"{"model":"chat","messages":[{"content":"Hi"}]}"#, 400,
                "missing_required_parameter",
                "messages[0].role"),
            Case(
                "role is a number", #"{"model":"chat","messages":[{"role":1,"content":"Hi"}]}"#, 400,
                "invalid_type", "messages[0].role"),
            Case(
                "content is a number", #"{"model":"chat","messages":[{"role":"user","content":1}]}"#, 400,
                "invalid_type", "messages[0].content"),
        ]
        + [
            ("stream", #""yes""#), ("stream", "1"), ("n", #""2""#), ("max_tokens", #""9""#),
            ("temperature", #""0""#),
            ("top_p", "[]"), ("stop", "1"), ("user", "{}"), ("tools", "{}"), ("tool_choice", "1"),
            ("logit_bias", "[]"),
            ("response_format", #""json""#), ("stream_options", "true"), ("seed", "true"), ("metadata", "1"),
        ].map { Case("\($0.0) is \($0.1)", chat("\"\($0.0)\":\($0.1)"), 400, "invalid_type", $0.0) }
        + [
            Case("n is 0", chat(#""n":0"#), 400, "invalid_value", "n"),
            Case("n is 1.5", chat(#""n":1.5"#), 400, "invalid_value", "n"),
            Case("n is huge", chat(#""n":99999999999999999999999"#), 400, "invalid_value", "n"),
            Case("max_tokens is negative", chat(#""max_tokens":-1"#), 400, "invalid_value", "max_tokens"),
            Case("max_tokens is huge", chat(#""max_tokens":1e300"#), 400, "invalid_value", "max_tokens"),
        ]

    @Test func `S24: every mistake in a body is a 4xx that names the field, and none reaches a provider`()
        async throws
    {
        let pair = try await Pair { Answer.good($0) }
        for wrong in Self.cases {
            let reply = try await Client.send(pair.gateway.port, Self.post(wrong.body))
            #expect(
                reply.status == wrong.status && reply.errorCode == wrong.code && reply.isWellEnded,
                "\(wrong.name): \(reply.status) \(reply.body.prefix(300))")
            if let field = wrong.field {
                #expect(reply.errorField == field, "\(wrong.name): \(reply.body.prefix(300))")
            }
            #expect((reply.errorMessage ?? "").count > 10, "\(wrong.name) says nothing")
        }
        #expect(pair.callsToP.isEmpty)
        try requireFlawless(try await pair.aftermath())
    }

    private static func post(_ body: [UInt8], fields: [String] = []) -> [UInt8] {
        let head =
            [
                "POST /v1/chat/completions HTTP/1.1", "host: 127.0.0.1", "content-type: application/json",
                "connection: close",
            ]
            + fields + ["content-length: \(body.count)"]
        return Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
    }

    @Test func `S24: a good request may hold what is unusual`() async throws {
        let pair = try await Pair { Answer.good($0) }
        for more in [
            #""unknown_member":{"a":[1,2,{"b":null}]}"#, #""temperature":null,"stop":null"#,
            #""seed":-9223372036854775808"#,
            #""temperature":1E-300"#, #""user":"\u0000\ud83d\ude00\/""#, #""metadata":{"":""}"#,
        ] {
            let reply = try await pair.chat(more: "," + more)
            try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(1)).of(more))
        }
        let nested = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        try requireFlawless(
            try await pair.chat(more: ",\"metadata\":{\"a\":\(nested)}").flaws(asAnswerOfPWithin: .seconds(1))
        )
    }

    @Test func `S24: a body over the limit is refused before it is all there`() async throws {
        let pair = try await Pair { Answer.good($0) }
        let line = try await Line.open(pair.gateway.port)
        try await line.send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 20971521\r\n\r\n{"
        )
        let reply = await line.wait(.seconds(3)) { $0.closed }
        try requireFlawless(reply.status == 413 && reply.closed ? [] : ["\(reply.text)"])
        #expect(reply.errorCode == "request_too_large")
        #expect(reply.elapsed < .seconds(1))

        let chunked = try await Line.open(pair.gateway.port)
        try await chunked.send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        let piece = "100000\r\n" + String(repeating: " ", count: 1 << 20) + "\r\n"
        for _ in 0..<24 where !chunked.reply.closed { try? await chunked.send(piece) }
        let refused = await chunked.wait(.seconds(3)) { $0.status != 0 }
        #expect(refused.status == 413)
        #expect(pair.gateway.residentMegabytes < 150)
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S24: heads that are too large or too many are refused`() async throws {
        let pair = try await Pair { Answer.good($0) }
        let body = Array(Client.chatBody().utf8)
        for (name, fields, status) in [
            ("257 fields", (0..<257).map { "x-\($0): 1" }, 431),
            ("a field of 70 KiB", ["x: " + String(repeating: "a", count: 70_000)], 431),
            ("100 fields of 1 KiB", (0..<100).map { "x-\($0): " + String(repeating: "a", count: 1000) }, 431),
            ("100 fields", (0..<100).map { "x-\($0): 1" }, 200), ("gzip", ["content-encoding: gzip"], 415),
            ("other type", ["content-type: text/plain"], 415), ("expect", ["expect: 100-continue"], 200),
        ] as [(String, [String], Int)] {
            var bytes = Self.post(body, fields: fields)
            if name == "other type" {
                bytes = Array(
                    String(decoding: bytes, as: UTF8.self).replacingOccurrences(
                        of: "content-type: application/json\r\n", with: ""
                    ).utf8)
            }
            let reply = try await Client.send(pair.gateway.port, bytes, limit: .seconds(3))
            #expect(reply.status == status && reply.isWellEnded, "\(name): \(reply.head.prefix(200))")
        }
        for (line, status) in [
            ("GET / HTTP/2.0", 505), ("GET /\(String(repeating: "a", count: 9000)) HTTP/1.1", 400),
            ("G\u{0}T / HTTP/1.1", 400),
            ("GET /v1/chat/completions HTTP/1.1", 405), ("DELETE /livez HTTP/1.1", 405),
            ("GET / HTTP/1.1", 404), ("\u{16}\u{3}\u{1}", 400),
            ("PRI * HTTP/2.0", 400), ("CONNECT a:1 HTTP/1.1", 400), ("OPTIONS * HTTP/1.1", 400),
            ("GET / HTTP/1.1 x", 400),
        ] {
            let reply = try await Client.send(
                pair.gateway.port, Array("\(line)\r\nhost: 127.0.0.1\r\n\r\n".utf8), limit: .seconds(3))
            #expect(reply.status == status && reply.closed, "\(line.prefix(40)): \(reply.head.prefix(200))")
        }
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S24: the bodies in flight are bounded over all connections`() async throws {
        let pair = try await Pair { Answer.good($0) }
        var lines: [Line] = []
        let piece = String(repeating: " ", count: 15 << 20)
        for _ in 0..<24 {
            let line = try await Line.open(pair.gateway.port)
            try? await line.send(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 20000000\r\n\r\n"
                    + piece)
            lines.append(line)
            if lines.contains(where: { $0.reply.status == 503 }) { break }
        }
        let isBounded = try await eventually { lines.contains { $0.reply.status == 503 } }
        #expect(isBounded, "360 MiB of bodies were taken")
        #expect(lines.first { $0.reply.status == 503 }?.reply.errorCode == "too_many_bodies")
        try requireFlawless(try await pair.aftermath())
        for line in lines { await line.reset() }
    }
}
