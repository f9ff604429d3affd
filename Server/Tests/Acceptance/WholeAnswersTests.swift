import Foundation
import Testing
import Wall

/// Callers who want their answer as a whole, from providers that are asked for a stream so that a hang shows at once.
@Suite(.tags(.measuresTime)) struct WholeAnswers {
    private static func pair(
        _ manner: String = "auto", withFallback: Bool = true, wholeAnswer: String = "3s",
        _ script: @escaping @Sendable (Wall.Call) -> [Wall.Act]
    ) async throws -> Pair {
        try await Pair(
            settings: {
                $0.wholeAnswers = manner
                $0.withFallback = withFallback
                $0.timeouts =
                    "{ connect: 1s, head: \(wholeAnswer), first_token: 1s, idle: 1s, total: 20s }"
            }, script)
    }

    private static func stream(_ events: [String]) -> [Wall.Act] {
        [Answer.streamHead] + events.map(Answer.event) + [Answer.done, Answer.streamEnd]
    }

    private static func flaws(_ manner: String, _ acts: [Wall.Act]) async throws -> [String] {
        let pair = try await pair(manner) { _ in acts }
        var flaws = Flaws()
        flaws += try await pair.chat().flaws(asAnswerOfFWithin: .milliseconds(2500))
        flaws.expect(pair.callsToP.count == 1, "P is asked \(pair.callsToP.count) times")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    private static let hangs: [String: [Wall.Act]] = [
        "says nothing": [.wait(.seconds(10))],
        "says nothing after its head": [Answer.streamHead, .wait(.seconds(10))],
        "falls silent":
            [Answer.streamHead, Answer.role()] + Answer.words(["Half", " an"]) + [.wait(.seconds(10))],
    ]

    @Test(arguments: ["says nothing", "says nothing after its head", "falls silent"])
    func
        `F6 F7 F36: a provider that hangs is left within the limits of a stream, and the caller does not see it`(
            name: String
        ) async throws
    {
        try requireFlawless(try await Self.flaws("auto", Self.hangs[name] ?? []))
    }

    @Test func `F6 with the defence taken away: asked plainly, the hang costs the limit of a whole answer`()
        async throws
    {
        let flaws = try await Self.flaws("plain", [.wait(.seconds(10))])
        #expect(flaws.contains { $0.hasPrefix("it took") }, "\(flaws)")
    }

    private static func half(_ more: [Wall.Act]) -> [Wall.Act] {
        [Answer.streamHead, Answer.role()] + Answer.words(["Half"]) + more
    }

    private static let holes: [String: [Wall.Act]] = [
        "closed_early": half([Answer.streamEnd]),
        "reset": half([.reset]),
        "overloaded": half([Answer.event(Answer.error("busy", code: "overloaded"))]),
        "unreadable": half([Answer.event("{]"), Answer.finish(), Answer.done, Answer.streamEnd]),
    ]

    @Test(arguments: ["closed_early", "reset", "overloaded", "unreadable"])
    func `F33 F34 F39 F40: an answer that is not whole is never put together, and F answers unseen`(
        cause: String
    ) async throws {
        let pair = try await Self.pair { _ in Self.holes[cause] ?? [] }
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(try await pair.why(reply).contains(", \(cause))"))
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `a long answer may take longer than the limit of a whole one, as long as it goes on`()
        async throws
    {
        let words = (1...12).map { " \($0)" }
        let pair = try await Self.pair(wholeAnswer: "1s") { _ in
            [Answer.streamHead, Answer.role()]
                + Answer.words(words).flatMap { [$0, .wait(.milliseconds(150))] }
                + [Answer.finish(), Answer.usage, Answer.done, Answer.streamEnd]
        }
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOf: "p", words.joined(), within: .seconds(3)))
        #expect(reply.elapsed > .milliseconds(1500))
        #expect(pair.callsToF.isEmpty)
    }

    /// Two choices in turns, tool calls out of order, log probabilities, members that nobody knows.
    private static let parts = [
        #"{"index":1,"delta":{"role":"assistant","content":"Gr\u00fc"},"logprobs":{"content":[{"token":"Gr\u00fc","logprob":-0.5,"bytes":null,"top_logprobs":[]}]},"finish_reason":null}"#,
        #"{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"time","arguments":""}}]},"logprobs":null,"finish_reason":null}"#,
        #"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"weather","arguments":"{\"city\":"}},{"index":1,"function":{"arguments":"{}"}}]},"finish_reason":null}"#,
        #"{"index":1,"delta":{"content":"n \"x\" 🦊","x_new":{"list":[1]}},"logprobs":{"content":[{"token":"n","logprob":-1e-3,"bytes":[110],"top_logprobs":[]}]},"finish_reason":null}"#,
        #"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Bonn\"}"}}]},"finish_reason":null}"#,
        #"{"index":1,"delta":{},"finish_reason":"length","content_filter_results":{"hate":{"filtered":false}}}"#,
        #"{"index":0,"delta":{},"finish_reason":"tool_calls"}"#,
    ]

    private static let put = #"""
        {"id":"c-1","object":"chat.completion","created":1795200000,"model":"wall-1","system_fingerprint":"fp_1",
         "choices":[
          {"index":0,"message":{"role":"assistant","content":null,"refusal":null,"tool_calls":[
            {"id":"a","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bonn\"}"}},
            {"id":"b","type":"function","function":{"name":"time","arguments":"{}"}}]},
           "logprobs":null,"finish_reason":"tool_calls"},
          {"index":1,"message":{"role":"assistant","content":"Grün \"x\" 🦊","refusal":null,"x_new":{"list":[1]}},
           "logprobs":{"content":[{"token":"Grü","logprob":-0.5,"bytes":null,"top_logprobs":[]},
             {"token":"n","logprob":-1e-3,"bytes":[110],"top_logprobs":[]}]},
           "content_filter_results":{"hate":{"filtered":false}},"finish_reason":"length"}],
         "usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,"completion_tokens_details":{"reasoning_tokens":2}}}
        """#

    @Test
    func `an answer is put together exactly: choices, tool calls, log probabilities, usage and the unknown`()
        async throws
    {
        let head =
            #"{"id":"c-1","object":"chat.completion.chunk","created":1795200000,"model":"wall-1","system_fingerprint":"fp_1","obfuscation":"xyz","#
        let chunks = Self.parts.map { head + #""choices":[\#($0)],"usage":null}"# }
        let usage =
            #""choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,"completion_tokens_details":{"reasoning_tokens":2}}}"#
        let pair = try await Self.pair { _ in Self.stream(chunks + [head + usage]) }
        let reply = try await pair.chat(more: #","n":2,"max_tokens":50"#)
        #expect(reply.status == 200 && !reply.isStream)
        let expected = try JSONSerialization.jsonObject(with: Data(Self.put.utf8)) as? NSDictionary
        #expect(reply.json as NSDictionary == expected, "\(reply.body)")
        #expect(pair.callsToP.first?.streams == true && pair.callsToP.first?.wantsUsage == true)
    }

    @Test func `twenty thousand events are put together within seconds`() async throws {
        let words = (0..<20_000).map { " word\($0)" }
        // As one act: the wall does its acts one inside the other.
        let events = Answer.stream(words, usage: true).reduce(into: [UInt8]()) {
            if case .send(let bytes) = $1 { $0 += bytes }
        }
        let pair = try await Self.pair { _ in [.send(events)] }
        try requireFlawless(
            try await pair.chat().flaws(asAnswerOf: "p", words.joined(), within: .seconds(5)))
    }

    @Test func `a target that has shown to be quick is asked plainly, and as a stream when it no longer is`()
        async throws
    {
        let hangs = Flag()
        let pair = try await Self.pair {
            hangs.value && !$0.streams ? [.wait(.seconds(10))] : Answer.good($0)
        }
        for _ in 0..<5 {
            try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        }
        #expect(pair.callsToP.map(\.streams) == [true, true, true, false, false])
        hangs.value = true
        try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(2)))
        #expect(pair.callsToP.dropFirst(5).map(\.streams) == [false])
        try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(pair.callsToP.last?.streams == true)
    }

    @Test func `a model without streams is asked plainly, once it has said so`() async throws {
        let refusal =
            #"{"error":{"message":"Your organization must be verified to stream this model.","type":"invalid_request_error","param":"stream","code":"unsupported_value"}}"#
        let pair = try await Self.pair(withFallback: false) {
            $0.streams ? [Answer.response(400, refusal)] : Answer.good($0)
        }
        for _ in 0..<2 { try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1))) }
        #expect(pair.callsToP.map(\.streams) == [true, false, false])
        // Who asks for a stream is told.
        try requireFlawless(try await pair.chat(stream: true).flaws(asRefusal: 400, "unsupported_value"))
    }

    @Test func `a provider whose streams tell no usage is asked plainly from then on`() async throws {
        let pair = try await Self.pair { $0.streams ? Answer.stream(["Hello"]) : Answer.good($0) }
        #expect(try await pair.chat().answer == "Hello")
        #expect(try await pair.chat().answer == Pair.answerOfP)
    }

    // MARK: F50

    @Test(arguments: ["auto", "plain"])
    func `F50: a stream in answer to a plain request, or the reverse, is what the caller asked for`(
        manner: String
    ) async throws {
        let pair = try await Self.pair(manner) { call in
            call.model == "p-1" && call.streams
                ? [Answer.response(200, Answer.completion())]
                : Answer.stream(["Hello", " from", " the", " wall."], usage: true)
        }
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream)
            try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(1)).of("stream \(stream)"))
            #expect(reply.isStream == stream)
        }
        #expect(pair.callsToF.isEmpty)
    }

    @Test func `F50: a whole answer becomes a stream with all that it says`() async throws {
        let pair = try await Self.pair { _ in [Answer.response(200, Self.put)] }
        let reply = try await pair.chat(
            stream: true, more: #","n":2,"stream_options":{"include_usage":true}"#)
        let events = reply.events.compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        #expect(reply.hasDone && reply.isWellEnded && events.count == 5)
        #expect(events.allSatisfy { $0["object"] as? String == "chat.completion.chunk" })
        #expect((events.last?["usage"] as? [String: Any])?["total_tokens"] as? Int == 12)
        // Put together again, it is the answer that it was.
        let again = try await Self.pair { _ in Self.stream(reply.events.dropLast()) }
        let expected = try JSONSerialization.jsonObject(with: Data(Self.put.utf8)) as? NSDictionary
        #expect(try await again.chat(more: #","n":2"#).json as NSDictionary == expected)
    }

    @Test func `F50: a broken stream is gone on with by a provider that does not stream`() async throws {
        let pair = try await Pair(fallback: { _ in [Answer.response(200, Answer.completion("Hello from F."))]
        }) {
            _ in
            [Answer.streamHead, Answer.role()] + Answer.words(["Hello", " from"]) + [
                .wait(.milliseconds(100)), .reset,
            ]
        }
        let reply = try await pair.chat(stream: true)
        try requireFlawless(reply.flaws(asAnswerOf: "p", "Hello from F.", within: .seconds(1)))
    }
}
