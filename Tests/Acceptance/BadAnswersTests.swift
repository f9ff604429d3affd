import Foundation
import Testing
import Wall

/// Answers with status 200 that are none.
@Suite struct BadAnswers {
    private typealias Variant = (name: String, acts: [Wall.Act])

    /// A gateway in which each variant is a route, and P plays the variant by its model's name.
    private static func pair(_ variants: [Variant], withFallback: Bool = true) async throws -> Pair {
        try await Pair(settings: {
            $0.routes = variants.map(\.name)
            $0.withFallback = withFallback
        }) { call in variants.first { $0.name == call.model }?.acts ?? Answer.good(call) }
    }

    private static func body(_ text: String, type: String = "application/json") -> [Wall.Act] {
        [Answer.response(200, text, type: type)]
    }

    private static func flaws(_ pair: Pair, _ variants: [Variant], streams: [Bool] = [false, true])
        async throws -> [String]
    {
        var flaws = Flaws()
        for variant in variants {
            for stream in streams {
                let reply = try await pair.chat(variant.name, stream: stream)
                flaws += reply.flaws(asAnswerOfFWithin: .seconds(1)).of(
                    "\(variant.name), \(stream ? "stream" : "whole")")
            }
        }
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    // MARK: F24

    private static func error(_ type: String, _ code: String?, _ message: String = "No.") -> String {
        Answer.error(message, type: type, code: code)
    }

    @Test func `F24: an error inside a 200 is what its own code says`() async throws {
        let toF: [Variant] = [
            ("server", Self.body(Self.error("server_error", nil))),
            ("unknown", Self.body(#"{"error":{"message":"something broke"}}"#)),
            ("text", Self.body(#"{"error":"something broke"}"#)),
            ("numeric", Self.body(#"{"error":{"message":"busy","code":503}}"#)),
            ("overloaded", Self.body(Self.error("overloaded_error", nil))),
            ("key", Self.body(Self.error("authentication_error", "invalid_api_key"))),
            ("quota", Self.body(Self.error("insufficient_quota", "insufficient_quota"))),
            ("model", Self.body(Self.error("invalid_request_error", "model_not_found"))),
        ]
        let pair = try await Self.pair(toF)
        expectFlawless(try await Self.flaws(pair, toF))
        #expect(try await pair.health("p/key").cooling == "authentication")
        #expect(try await pair.health("p/quota").cooling == "quota_exceeded")
    }

    @Test(arguments: [false, true])
    func `F24: a 429 inside a 200 is a rate limit: P is asked again after a pause`(stream: Bool) async throws
    {
        for (name, text) in [
            ("type", Self.error("rate_limit_error", "rate_limit_exceeded")),
            ("number", #"{"error":{"message":"slow down","code":429}}"#),
        ] {
            let pair = try await Pair { $0.number == 0 ? Self.body(text) : Answer.good($0) }
            let reply = try await pair.chat(stream: stream)
            expectFlawless(reply.flaws(asAnswerOfPWithin: .seconds(2)).of(name))
            #expect(pair.callsToP.count == 2 && pair.callsToF.isEmpty)
            #expect(try await pair.why(reply).contains("(rate_limit, "))
        }
    }

    @Test(arguments: [false, true])
    func `F24: a mistake of the caller inside a 200 is told to the caller`(stream: Bool) async throws {
        let pair = try await Pair { _ in
            Self.body(
                #"{"error":{"message":"n is too large","type":"invalid_request_error","param":"n","code":null}}"#
            )
        }
        let reply = try await pair.chat(stream: stream)
        expectFlawless(reply.flaws(asRefusal: 400, "invalid_request"))
        #expect(reply.errorField == "n" && pair.callsToF.isEmpty)
    }

    // MARK: F25

    private static let nothing: [Variant] = [
        ("empty", body("")), ("blank", body("  \n ")), ("object", body("{}")), ("array", body("[]")),
        ("null", body("null")),
        ("no-choices", body(Answer.completion(choices: "[]"))),
        ("choices-null", body(Answer.completion(choices: "null"))),
        (
            "content-null",
            body(
                Answer.completion(
                    choices:
                        #"[{"index":0,"message":{"role":"assistant","content":null},"finish_reason":"stop"}]"#
                ))
        ),
        (
            "content-empty",
            body(
                Answer.completion(
                    choices:
                        #"[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}]"#))
        ),
        ("no-message", body(Answer.completion(choices: #"[{"index":0,"finish_reason":"stop"}]"#))),
        (
            "no-tools",
            body(
                Answer.completion(
                    choices:
                        #"[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[]},"finish_reason":"stop"}]"#
                ))
        ),
    ]

    @Test func `F25: an answer without content is none, and F answers`() async throws {
        let pair = try await Self.pair(Self.nothing)
        expectFlawless(try await Self.flaws(pair, Self.nothing, streams: [false]))
        let metrics = try await Client.get(pair.gateway.port, "/metrics").body
        let counted = metrics.split(separator: "\n").filter {
            $0.hasPrefix("holdfast_attempts_total{") && $0.contains("p/no-choices")
                && $0.contains("quality_failure")
        }
        #expect(counted.count == 1, "it is counted: \(metrics)")
    }

    @Test func `F25: a stream without content is none, and F answers`() async throws {
        let end = [Answer.done, Answer.streamEnd]
        let streams: [Variant] = [
            ("only-done", [Answer.streamHead] + end),
            ("only-role", [Answer.streamHead, Answer.role()] + end),
            ("finish-alone", [Answer.streamHead, Answer.role(), Answer.finish()] + end),
            ("no-events", [Answer.streamHead, Answer.streamEnd]),
            ("no-choices", [Answer.streamHead, Answer.usage] + end),
            ("comments", [Answer.streamHead, Answer.chunk(": ping\n\n"), Answer.chunk(": ping\n\n")] + end),
            (
                "empty-words",
                [Answer.streamHead, Answer.role()] + Answer.words(["", ""]) + [Answer.finish()] + end
            ),
        ]
        let pair = try await Self.pair(streams)
        expectFlawless(try await Self.flaws(pair, streams, streams: [true]))
    }

    @Test func `F25: an answer that calls a tool, or refuses, needs no content`() async throws {
        let call = #"{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}"#
        let choices =
            #"[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[\#(call)]},"finish_reason":"tool_calls"}]"#
        let refusal =
            #"[{"index":0,"message":{"role":"assistant","content":null,"refusal":"I cannot."},"finish_reason":"stop"}]"#
        let variants: [Variant] = [
            ("tool", Self.body(Answer.completion(choices: choices))),
            ("refusal", Self.body(Answer.completion(choices: refusal))),
        ]
        let pair = try await Self.pair(variants)
        for variant in variants {
            let reply = try await pair.chat(variant.name)
            #expect(
                reply.status == 200 && reply.field("x-holdfast-provider") == "p",
                "\(variant.name): \(reply.body)")
        }
    }

    @Test func `F25: without F an empty answer is told as a failure`() async throws {
        let pair = try await Self.pair([Self.nothing[5]], withFallback: false)
        expectFlawless(try await pair.chat("no-choices").flaws(asRefusal: 502, "upstream_empty"))
        #expect(pair.callsToP.count <= 2)
    }

    // MARK: F26

    private static let page =
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"

    @Test func `F26: a web page in place of an answer leads to F, and is not shown`() async throws {
        let pages: [Variant] = [
            ("as-json", Self.body(Self.page)), ("as-html", Self.body(Self.page, type: "text/html")),
            ("as-stream", Self.body(Self.page, type: "text/event-stream")),
            ("no-type", Self.body(Self.page, type: "")),
            ("image", [Answer.response(200, [0x89, 0x50, 0x4E, 0x47], type: "image/png")]),
            ("plain", Self.body("OK", type: "text/plain")),
        ]
        let pair = try await Self.pair(pages)
        expectFlawless(try await Self.flaws(pair, pages))
        let alone = try await Self.pair([pages[1]], withFallback: false)
        let reply = try await alone.chat("as-html")
        #expect(reply.status == 502 && !reply.body.contains("Sign in") && reply.isWellEnded)
    }

    // MARK: F27

    private static let whole = Answer.completion("Hi")

    @Test func `F27: an answer that is cut at any byte leads to F`() async throws {
        let bytes = Array(Self.whole.utf8)
        let pair = try await Pair(places: 2) { call in
            guard let cut = Int(call.user), !call.streams else { return Answer.good(call) }
            return [Answer.response(200, Array(bytes.prefix(cut)))]
        }
        let replies = try await withThrowingTaskGroup(of: [(Int, Client.Reply)].self) { tasks in
            for lane in 0..<4 {
                tasks.addTask {
                    var replies: [(Int, Client.Reply)] = []
                    for cut in stride(from: lane, to: bytes.count, by: 4) {
                        replies.append((cut, try await pair.chat(more: #","user":"\#(cut)""#)))
                    }
                    return replies
                }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
        #expect(replies.count == bytes.count)
        for (cut, reply) in replies {
            expectFlawless(reply.flaws(asAnswerOfFWithin: .seconds(2)).of("cut at \(cut)"))
        }
        expectFlawless(try await pair.aftermath())
    }

    @Test func `F27: JSON that is none leads to F and harms nobody`() async throws {
        let deep = String(repeating: "[", count: 10_000)
        let broken: [(String, String)] = [
            ("NaN", Self.whole.replacingOccurrences(of: "12", with: "NaN")),
            (
                "nan-logprobs",
                Self.whole.replacingOccurrences(of: "\"logprobs\":null", with: "\"logprobs\":NaN")
            ),
            ("deep", Self.whole.replacingOccurrences(of: "\"logprobs\":null", with: "\"logprobs\":\(deep)")),
            ("deep-alone", deep),
            ("surrogate", Self.whole.replacingOccurrences(of: "Hi", with: #"\ud800"#)),
            ("low-surrogate", Self.whole.replacingOccurrences(of: "Hi", with: #"\udc00"#)),
            (
                "huge",
                Self.whole.replacingOccurrences(
                    of: "1795200000", with: String(repeating: "9", count: 4_000_000))
            ),
            ("1e400", Self.whole.replacingOccurrences(of: "1795200000", with: "1e400")),
            ("quotes", Self.whole.replacingOccurrences(of: "\"", with: "'")),
            ("trailing", Self.whole + "x"), ("twice", Self.whole + Self.whole),
            ("control", Self.whole.replacingOccurrences(of: "Hi", with: "H\u{1}i")),
            ("escape", Self.whole.replacingOccurrences(of: "Hi", with: #"H\qi"#)),
            ("comma", String(Self.whole.dropLast()) + ",}"),
        ]
        var variants = broken.map { (name: $0.0, acts: Self.body($0.1)) }
        let bytes = Array(Self.whole.utf8)
        variants.append(("utf8", [Answer.response(200, bytes.map { $0 == 0x48 ? 0xFF : $0 })]))
        variants.append(("nul", [Answer.response(200, bytes + [0])]))
        let pair = try await Self.pair(variants)
        expectFlawless(try await Self.flaws(pair, variants, streams: [false]))
    }

    @Test func `F27: what is unusual in JSON and still whole is an answer`() async throws {
        let variants: [Variant] = [
            ("bom", [Answer.response(200, [0xEF, 0xBB, 0xBF] + Array(Self.whole.utf8))]),
            ("blanks", Self.body("\r\n\t " + Self.whole + " \n")),
            (
                "unknown",
                Self.body(
                    Self.whole.replacingOccurrences(of: "{\"id\"", with: "{\"x\":{\"y\":[1,null]},\"id\""))
            ),
            (
                "duplicate",
                Self.body(
                    Self.whole.replacingOccurrences(of: "\"object\"", with: "\"id\":\"other\",\"object\""))
            ),
        ]
        let pair = try await Self.pair(variants)
        for variant in variants {
            let reply = try await pair.chat(variant.name)
            #expect(reply.status == 200 && reply.isWellEnded, "\(variant.name): \(reply.body)")
            #expect(["p", "f"].contains(reply.field("x-holdfast-provider")))
            #expect(["Hi", Pair.answerOfF].contains(reply.answer), "\(variant.name): \(reply.body)")
        }
        expectFlawless(try await pair.aftermath())
    }

    // MARK: F28

    @Test func `F28: whatever stands in the usage, the answer is delivered`() async throws {
        let usages = [
            "null", "{}", #"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#,
            #"{"prompt_tokens":-5,"completion_tokens":-1}"#,
            #"{"prompt_tokens":"5","completion_tokens":"7"}"#,
            #"{"prompt_tokens":1e18,"completion_tokens":1e18}"#,
            #"{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807}"#,
            #"{"prompt_tokens":99999999999999999999,"completion_tokens":1}"#,
            "[]", "7", #"{"prompt_tokens":1.5,"completion_tokens":null}"#,
        ]
        let original = #"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}"#
        let pair = try await Pair { call in
            guard let number = Int(call.user), usages.indices.contains(number) else {
                return Answer.good(call)
            }
            let usage = usages[number]
            guard call.streams else {
                return Self.body(
                    Answer.completion(Pair.answerOfP).replacingOccurrences(of: original, with: usage))
            }
            let event =
                #"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":\#(usage)}"#
            var acts = [Answer.streamHead, Answer.role()]
            acts += Answer.words([Pair.answerOfP])
            acts += [Answer.finish(), Answer.event(event), Answer.done, Answer.streamEnd]
            return acts
        }
        for (number, usage) in usages.enumerated() {
            for stream in [false, true] {
                let reply = try await pair.chat(stream: stream, more: #","user":"\#(number)""#)
                expectFlawless(reply.flaws(asAnswerOfPWithin: .seconds(1)).of(usage))
            }
        }
        expectFlawless(try await pair.aftermath())
    }
}
