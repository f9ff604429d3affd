import Foundation
import Testing
import Wall

/// Answers that arrive well and are not good enough.
@Suite(.tags(.measuresTime)) struct Answers {
    /// How a caller can get an answer that is judged before it is delivered.
    enum Manner: String, CaseIterable, Sendable {
        /// As a whole that the provider sends as a whole.
        case whole
        /// As a whole that is put together from a stream.
        case assembled
        /// As a stream that is held back.
        case buffered

        var isStream: Bool { self == .buffered }
    }

    private static let json = #","response_format":{"type":"json_object"}"#
    private static let object = #"{\"a\": 1}"#, prose = "Sure! Here it is."

    private static func pair(
        _ manner: Manner, rules: String? = nil, withFallback: Bool = true, fallback: String = Pair.answerOfF,
        _ script: @escaping @Sendable (Wall.Call) -> [Wall.Act]
    ) async throws -> Pair {
        try await Pair(
            settings: { settings in
                settings.wholeAnswers = manner == .assembled ? "stream" : "plain"
                settings.withFallback = withFallback
                settings.lines = ["broken_streams: buffer"]
                if let rules { settings.lines.append("answers: { \(rules) }") }
            }, fallback: { Answer.good($0, fallback, model: "f-1") }, script)
    }

    private static func says(_ text: String) -> @Sendable (Wall.Call) -> [Wall.Act] {
        { Answer.good($0, text) }
    }

    private func answers(_ pair: Pair, _ manner: Manner, more: String = "") async throws -> Client.Reply {
        try await pair.chat(stream: manner.isStream, more: more)
    }

    // MARK: JSON

    @Test(arguments: Manner.allCases)
    func `where JSON is asked for and P answers in prose, F answers`(manner: Manner) async throws {
        let pair = try await Self.pair(manner, fallback: Self.object, Self.says(Self.prose))
        let reply = try await answers(pair, manner, more: Self.json)
        try requireFlawless(reply.flaws(asAnswerOf: "f", #"{"a": 1}"#, within: .seconds(1)))
        #expect(pair.callsToP.count == 1 && pair.callsToF.count == 1)
        #expect(try await pair.why(reply) == "p/p-1 failed (quality_failure, invalid_json); f answered")
        let step = try #require(try await pair.steps(reply, at: "p/p-1").first)
        #expect(step["message"] as? String == "the provider's answer is no JSON object")
        #expect((step["usage"] as? [String: Any])?["completion"] as? Int == 7, "it was billed: \(step)")
        let count = try await pair.metric(
            #"holdfast_attempts_total{target="p/p-1",class="quality_failure"}"#)
        #expect(count == 1)
        #expect(try await pair.health().breaker == "closed")
        let other = try await answers(pair, manner)
        try requireFlawless(other.flaws(asAnswerOf: "p", Self.prose, within: .seconds(1)))
    }

    @Test(arguments: Manner.allCases)
    func `where nobody answers in JSON the caller is told so`(manner: Manner) async throws {
        let pair = try await Self.pair(manner, Self.says(Self.prose))
        let reply = try await answers(pair, manner, more: Self.json)
        try requireFlawless(reply.flaws(asRefusal: 502, "upstream_invalid_json"))
        let error = reply.json["error"] as? [String: Any]
        #expect(error?["type"] as? String == "quality_failure")
        #expect(error?["message"] as? String == "the provider's answer is no JSON object")
        #expect(reply.field("x-holdfast-answer") == nil)
        #expect(pair.callsToP.count == 2 && pair.callsToF.count <= 2, "each is asked once more at the end")
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: Manner.allCases)
    func `as the last resort the first answer is delivered and said to be invalid`(manner: Manner)
        async throws
    {
        let pair = try await Self.pair(manner, rules: "last_resort: deliver", Self.says(Self.prose))
        let reply = try await answers(pair, manner, more: Self.json)
        try requireFlawless(reply.flaws(asAnswerOf: "p", Self.prose, within: .seconds(1)))
        #expect(reply.field("x-holdfast-answer") == "invalid; cause=invalid_json")
        let decision = try await Client.decision(pair.gateway.port, reply)
        #expect(decision["answer_flaw"] as? String == "invalid_json")
        #expect(decision["outcome"] as? String == "answered")
        #expect((decision["usage"] as? [String: Any])?["completion"] as? Int == 7 || manner.isStream)
        let summary = decision["summary"] as? String ?? ""
        #expect(summary.hasSuffix("nobody gave a better answer than p, whose first was delivered"))
        let good = try await answers(pair, manner)
        #expect(good.field("x-holdfast-answer") == nil)
    }

    @Test func `JSON, half of it that the caller itself has cut, and a tool call pass`() async throws {
        let pair = try await Self.pair(.whole) { call in
            let choice =
                switch call.user {
                case "cut": #"{"content":"{\"a\":"},"finish_reason":"length""#
                case "call":
                    #"{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"#
                        + #""finish_reason":"tool_calls""#
                default: #"{"content":"{\"a\":1}"},"finish_reason":"stop""#
                }
            return [Answer.response(200, Answer.completion(choices: #"[{"index":0,"message":\#(choice)}]"#))]
        }
        for (user, more) in [("cut", #","max_tokens":3"#), ("call", ""), ("whole", "")] {
            let reply = try await pair.chat(more: Self.json + #","user":"\#(user)"\#(more)"#)
            #expect(
                reply.status == 200 && reply.field("x-holdfast-provider") == "p", "\(user): \(reply.text)")
        }
        let cut = try await pair.chat(more: Self.json + #","user":"cut""#)
        #expect(cut.status == 502, "the caller has not cut it, and F does not answer in JSON")
    }

    @Test func `a stream that is passed on as it comes is not judged`() async throws {
        let pair = try await Pair(Self.says(Self.prose))
        let reply = try await pair.chat(stream: true, more: Self.json)
        try requireFlawless(reply.flaws(asAnswerOf: "p", Self.prose, within: .seconds(1)))
    }

    // MARK: Nothing in it

    @Test(arguments: [false, true])
    func `one of several choices that is empty makes F answer`(isStream: Bool) async throws {
        let pair = try await Self.pair(.whole) { call in
            let events = [
                #"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
                #"{"choices":[{"index":1,"delta":{"content":""},"finish_reason":"stop"}]}"#, "[DONE]",
            ]
            if call.streams {
                return [Answer.streamHead] + events.map(Answer.event) + [Answer.streamEnd]
            }
            let choices = ["x", ""].map { #"{"message":{"content":"\#($0)"},"finish_reason":"stop"}"# }
            return [
                Answer.response(
                    200, Answer.completion(choices: "[\(choices.joined(separator: ","))]"))
            ]
        }
        let reply = try await pair.chat(stream: isStream, more: #","n":2"#)
        #expect(reply.status == 200 && reply.field("x-holdfast-provider") == "f", "\(reply.text)")
        let message = try await pair.steps(reply, at: "p/p-1").first?["message"] as? String
        #expect(message == "the provider's answer is empty (choice 1)")
    }

    @Test(arguments: [Manner.assembled, .buffered])
    func `thoughts alone are no answer`(manner: Manner) async throws {
        let pair = try await Self.pair(manner) { call in
            [Answer.streamHead, Answer.event(Answer.delta(#"{"reasoning_content":"Hm."}"#))]
                + [Answer.finish(), Answer.done, Answer.streamEnd]
        }
        let reply = try await answers(pair, manner)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(try await pair.why(reply) == "p/p-1 failed (quality_failure, empty); f answered")
    }

    @Test(arguments: [Manner.whole, .assembled])
    func `thoughts that the caller's own limit cut off are delivered, others are no answer`(manner: Manner)
        async throws
    {
        let pair = try await Self.pair(manner) { call in
            let thoughts = #"{"role":"assistant","content":"","reasoning_content":"Hm."}"#
            guard call.streams else {
                let choices = #"[{"index":0,"message":\#(thoughts),"finish_reason":"length"}]"#
                return [Answer.response(200, Answer.completion(choices: choices))]
            }
            return [Answer.streamHead, Answer.event(Answer.delta(thoughts))]
                + [Answer.event(Answer.delta("{}", finish: #""length""#)), Answer.done, Answer.streamEnd]
        }
        let cut = try await answers(pair, manner, more: #","max_tokens":5"#)
        #expect(cut.status == 200 && cut.field("x-holdfast-provider") == "p", "\(cut.text)")
        let other = try await answers(pair, manner)
        #expect(other.status == 200 && other.field("x-holdfast-provider") == "f", "\(other.text)")
        #expect(try await pair.why(other) == "p/p-1 failed (quality_failure, empty); f answered")
    }

    @Test(arguments: Manner.allCases)
    func `an empty answer is delivered where it is wanted`(manner: Manner) async throws {
        let pair = try await Self.pair(manner, rules: "empty: pass") { call in
            let message = #"[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}]"#
            guard call.streams else { return [Answer.response(200, Answer.completion(choices: message))] }
            return [Answer.streamHead, Answer.role(), Answer.finish(), Answer.done, Answer.streamEnd]
        }
        let reply = try await answers(pair, manner)
        try requireFlawless(reply.flaws(asAnswerOf: "p", "", within: .seconds(1)))
        #expect(pair.callsToF.isEmpty)
    }

    // MARK: What the operator asks for

    /// A rule, an answer that breaks it, and the failure's cause.
    static let rules = [
        ("refusals: common", "I’m sorry, but I can’t help with that.", "refusal"),
        ("refusals: [ \"i cannot \" ]", "I CANNOT do this.", "refusal"),
        ("must_contain: [ \"Hello\", \"F\" ]", "Hello from P.", "missing_text"),
        ("must_not_contain: [ \"lorem\" ]", "This is lorem ipsum.", "forbidden_text"),
        ("minimum_characters: 5", "  a b  ", "too_short"),
    ]

    @Test(arguments: rules.indices, Manner.allCases)
    func `an answer that breaks a rule makes F answer`(index: Int, manner: Manner) async throws {
        let (rule, text, cause) = Self.rules[index]
        let pair = try await Self.pair(manner, rules: rule, Self.says(text))
        let reply = try await answers(pair, manner)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(try await pair.why(reply) == "p/p-1 failed (quality_failure, \(cause)); f answered")
    }

    @Test func `an answer that is cut although the caller set no limit makes F answer, where that is wanted`()
        async throws
    {
        let pair = try await Self.pair(.whole, rules: "truncated: next") { _ in
            let message = #"[{"index":0,"message":{"content":"Half"},"finish_reason":"length"}]"#
            return [Answer.response(200, Answer.completion(choices: message))]
        }
        try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(1)))
        let wanted = try await pair.chat(more: #","max_tokens":1"#)
        try requireFlawless(wanted.flaws(asAnswerOf: "p", "Half", within: .seconds(1)))
    }

    @Test func `a strategy that learns asks a target less that answers badly`() async throws {
        let pair = try await Pair(
            settings: {
                $0.lines = ["strategy: adaptive", "hedge: false", "answers: { must_contain: [ \"F\" ] }"]
                $0.primaryTarget = ", quality: 9.5"
            }, Self.says(Pair.answerOfP))
        var first: [String] = []
        for _ in 0..<12 {
            let reply = try await pair.chat()
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
            let decision = try await Client.decision(pair.gateway.port, reply)
            first.append((decision["plan"] as? [[String: Any]])?.first?["target"] as? String ?? "")
        }
        #expect(first.first == "p/p-1" && first.suffix(4).allSatisfy { $0 == "f/f-1" }, "\(first)")
    }

    @Test func `mistakes in the rules are named with their line and the way to mend them`() async throws {
        let result = try await Command.run(
            ["check"],
            configuration: """
                providers: { a: { kind: simulated } }
                models:
                  m:
                    targets: [ { provider: a, model: x } ]
                    answers:
                      emtpy: next
                      refusals: usual
                """)
        #expect(result.status != 0)
        #expect(
            result.output.contains(":6:7: models.m.answers.emtpy: unknown setting; did you mean 'empty'?"))
        #expect(
            result.output.contains(":7:7: models.m.answers.refusals: must be common, or a list of texts"))
    }
}
