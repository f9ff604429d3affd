import Foundation
import Testing
import Wall

/// The two ends of a stream: an error in the place of its first word (F38), and an answer that is complete though the
/// stream is not (F35).
@Suite(.tags(.measuresTime)) struct StreamEnds {
    // MARK: F35

    /// What may follow the finish reason instead of an end mark.
    private static let endings: [(name: String, acts: [Wall.Act])] = [
        ("last-chunk", [Answer.streamEnd]),
        ("last-chunk-closed", [Answer.streamEnd, .finish]),
        ("usage", [Answer.usage, Answer.streamEnd]),
        ("usage-late", [.wait(.milliseconds(300)), Answer.usage, Answer.streamEnd]),
        ("closed", [.finish]),
        ("reset", [.wait(.milliseconds(50)), .reset]),
        ("usage-reset", [Answer.usage, .wait(.milliseconds(50)), .reset]),
        ("silence", [.hang]),
        ("usage-silence", [Answer.usage, .hang]),
        ("half-event", [Answer.chunk("data: {\"id\":"), .hang]),
        ("comments", (0..<60).flatMap { _ in [Answer.chunk(": on\n\n"), .wait(.milliseconds(100))] }),
    ]

    private static func pair(_ change: (inout Pair.Settings) -> Void = { _ in }) async throws -> Pair {
        try await Pair(settings: {
            $0.routes = endings.map(\.name)
            change(&$0)
        }) { call in
            let words = Pair.answerOfP.split(separator: " ").enumerated().map { ($0 == 0 ? "" : " ") + $1 }
            let ending = endings.first { $0.name == call.model }?.acts ?? []
            return [Answer.streamHead, Answer.role()] + Answer.words(words) + [Answer.finish()] + ending
        }
    }

    @Test(arguments: [false, true])
    func `F35: a stream that names its finish reason is complete, whatever comes after`(wantsUsage: Bool)
        async throws
    {
        let pair = try await Self.pair()
        try await withThrowingTaskGroup(of: [String].self) { tasks in
            for (name, _) in Self.endings {
                tasks.addTask { try await Self.flawsOfF35(pair, name, wantsUsage: wantsUsage).of(name) }
            }
            for try await flaws in tasks { try requireFlawless(flaws) }
        }
        #expect(pair.callsToF.isEmpty)
        #expect(try await eventually { pair.hasLeftP(but: ["last-chunk", "usage", "usage-late"]) })
        try requireFlawless(try await pair.aftermath())
    }

    static func flawsOfF35(_ pair: Pair, _ name: String, wantsUsage: Bool) async throws -> [String] {
        var flaws = Flaws()
        let more = wantsUsage ? #","stream_options":{"include_usage":true}"# : ""
        let reply = try await pair.chat(name, stream: true, more: more, limit: .seconds(4))
        // A provider may take a second to bring its usage.
        flaws += reply.flaws(asAnswerOfPWithin: .seconds(2))
        flaws.expect(pair.callsToP(for: name).count == 1, "P was asked again")
        let decision = try await Client.decision(pair.gateway.port, reply)
        flaws.expect(decision["outcome"] as? String == "answered", "the decision: \(decision)")
        let bringsUsage = name.hasPrefix("usage"), tokens = decision["usage"] as? [String: Any]
        flaws.expect(
            tokens?["completion"] as? Int == (bringsUsage ? 7 : nil), "the usage is \(tokens ?? [:])")
        let isShown = reply.events.contains { $0.contains(#""completion_tokens":7"#) }
        flaws.expect(isShown == (bringsUsage && wantsUsage), "the caller sees usage: \(isShown)")
        return flaws.texts
    }

    @Test func `F35: the words of a complete answer do not wait for the provider's farewell`() async throws {
        let pair = try await Self.pair()
        let line = try await pair.begin("silence", stream: true)
        let begun = await line.wait(.milliseconds(700)) { $0.hasFinish }
        #expect(begun.hasFinish && begun.answer == Pair.answerOfP, "\(begun.events)")
        await line.close()
    }

    @Test func `F35: control: the check finds fault where the finish reason is missing`() async throws {
        let pair = try await Pair(settings: { $0.routes = ["silence"] }) { _ in
            [Answer.streamHead, Answer.role()] + Answer.words(["Hello", " from"]) + [.hang]
        }
        #expect(!(try await Self.flawsOfF35(pair, "silence", wantsUsage: false)).isEmpty)
    }

    // MARK: F38

    /// An error in the place of an answer, by the name of the route whose model at P plays it.
    struct Wrong: Sendable {
        var name: String
        /// How often P is asked, by what the error means.
        var calls: Int
        /// The code that the caller gets if the error is about its request; nil if F answers.
        var code: String?
        var acts: [Wall.Act]

        init(
            _ name: String, _ error: String, calls: Int = 1, code: String? = nil, after acts: [Wall.Act] = [],
            end: Wall.Act = Answer.streamEnd
        ) {
            self.init(
                name, event: "data: {\"error\":\(error)}\n\n", calls: calls, code: code, after: acts, end: end
            )
        }

        init(
            _ name: String, event: String, calls: Int = 1, code: String? = nil, after acts: [Wall.Act] = [],
            end: Wall.Act = Answer.streamEnd
        ) {
            self.name = name
            self.calls = calls
            self.code = code
            self.acts = [Answer.streamHead] + acts + [Answer.chunk(event), end]
        }
    }

    private static let limited = #"{"code":429,"message":"Rate limit exceeded"}"#
    private static let overloaded = #"{"type":"overloaded_error","message":"Overloaded"}"#
    private static let comment = Answer.chunk(": OPENROUTER PROCESSING\n\n")
    private static let pause = Wall.Act.wait(.milliseconds(60))

    /// Errors that another provider may not have. A 500 is asked about once more, a 429 twice.
    static let elsewhere = [
        Wrong("openai", #"{"message":"It broke.","type":"server_error","param":null,"code":null}"#, calls: 2),
        Wrong("openai-overloaded", #"{"message":"Busy.","type":"x","code":"server_is_overloaded"}"#),
        Wrong("number-429", limited, calls: 3),
        Wrong("string-429", #"{"code":"429","message":"No."}"#, calls: 3),
        Wrong("type-429", #"{"type":"rate_limit_error","message":"No.","code":null}"#, calls: 3),
        Wrong("number-500", #"{"code":500,"message":"No."}"#, calls: 2),
        Wrong("number-502", #"{"code":502,"message":"Provider returned error"}"#),
        Wrong("number-503", #"{"code":503,"message":"No."}"#),
        Wrong("number-401", #"{"code":401,"message":"User not found."}"#),
        Wrong("number-402", #"{"code":402,"message":"Insufficient credits"}"#),
        Wrong("number-404", #"{"code":404,"message":"No endpoints found"}"#),
        Wrong("quota", #"{"message":"Pay.","type":"insufficient_quota","code":"insufficient_quota"}"#),
        Wrong("words", #""upstream exploded""#, calls: 2), Wrong("empty", "{}", calls: 2),
        Wrong("anthropic", event: "event: error\ndata: {\"type\":\"error\",\"error\":\(overloaded)}\n\n"),
        Wrong(
            "openrouter-chunk",
            event:
                #"data: {"id":"gen-1","object":"chat.completion.chunk","error":{"code":502,"message":"Gone"},"#
                + #""choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"# + "\n\n"),
        Wrong("after-comment", limited, calls: 3, after: [comment]),
        Wrong("after-comments", overloaded, after: [comment, pause, comment, pause]),
        Wrong("after-role", overloaded, after: [Answer.role(), pause]),
        Wrong("after-comment-and-role", limited, calls: 3, after: [comment, Answer.role()]),
        Wrong("after-empty-words", overloaded, after: [Answer.role()] + Answer.words(["", ""]) + [pause]),
        Wrong("after-usage", overloaded, after: [Answer.usage, pause]),
        Wrong("then-silence", overloaded, end: .hang), Wrong("then-end-mark", overloaded, end: Answer.done),
        Wrong("then-words", overloaded, end: Answer.words(["Hello"])[0]),
        Wrong("then-reset", overloaded, end: .reset),
        Wrong("after-half", overloaded, after: [.text("5\r\ndata:\r\n"), pause, Answer.chunk("\n\n")]),
    ]

    /// Errors that are the request's own; they are passed on with a status of their own, not inside a 200.
    static let own = [
        Wrong(
            "bad-request", #"{"message":"No.","type":"invalid_request_error","code":"invalid_value"}"#,
            code: "invalid_value"),
        Wrong(
            "too-long", #"{"message":"No.","type":"x","code":"context_length_exceeded"}"#,
            code: "context_length_exceeded"),
        Wrong(
            "filtered", #"{"message":"No.","type":"x","code":"content_filter"}"#,
            code: "content_policy_violation", after: [comment, Answer.role()]),
    ]

    private static func pair(_ wrongs: [Wrong], _ change: (inout Pair.Settings) -> Void = { _ in })
        async throws -> Pair
    {
        let acts = Dictionary(uniqueKeysWithValues: wrongs.map { ($0.name, $0.acts) })
        return try await Pair(settings: {
            $0.routes = wrongs.map(\.name)
            change(&$0)
        }) { acts[$0.model] ?? [] }
    }

    @Test func `F38: an error as the first event of a stream goes to F unseen, as its code says`()
        async throws
    {
        try requireFlawless(try await Self.flawsOfF38(Self.pair(Self.elsewhere), Self.elsewhere))
    }

    @Test func `F38: an error about the request is told with its own status, not inside a stream`()
        async throws
    {
        try requireFlawless(try await Self.flawsOfF38(Self.pair(Self.own), Self.own))
    }

    static func flawsOfF38(_ pair: Pair, _ wrongs: [Wrong]) async throws -> [String] {
        var flaws = Flaws()
        try await withThrowingTaskGroup(of: [String].self) { tasks in
            for wrong in wrongs {
                tasks.addTask { try await Self.flawsOfF38(pair, wrong).of(wrong.name) }
            }
            for try await found in tasks { flaws += found }
        }
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    private static func flawsOfF38(_ pair: Pair, _ wrong: Wrong) async throws -> [String] {
        var flaws = Flaws()
        let reply = try await pair.chat(wrong.name, stream: true)
        if let code = wrong.code {
            flaws += reply.flaws(asRefusal: 400, code)
        } else {
            flaws += reply.flaws(asAnswerOfFWithin: .seconds(3))
            let starts = reply.events.count { $0.contains(#""role":"assistant""#) }
            flaws.expect(starts == 1, "the stream begins \(starts) times")
            let strange = reply.text.contains("wall-1") || reply.text.contains("OPENROUTER")
            flaws.expect(!strange, "a part of P's stream was passed on")
            let why = try await pair.why(reply)
            flaws.expect(why.contains("p/\(wrong.name) failed ("), "it says: \(why)")
        }
        let calls = pair.callsToP(for: wrong.name).count
        flaws.expect(calls == wrong.calls, "P was asked \(calls) times, not \(wrong.calls)")
        let asked = pair.callsToF.count { $0.model == wrong.name }
        flaws.expect(asked == (wrong.code == nil ? 1 : 0), "F was asked \(asked) times")
        return flaws.texts
    }

    @Test func `F38: chunks whose error member is null are an answer`() async throws {
        let event = #"{"error":null,"choices":[{"index":0,"delta":{"content":"Hello from the wall."},"#
        let pair = try await Pair { _ in
            [
                Answer.streamHead, Answer.event(event + #""finish_reason":null}]}"#), Answer.finish(),
                Answer.done, Answer.streamEnd,
            ]
        }
        try requireFlawless(try await pair.chat(stream: true).flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(pair.callsToP.count == 1)
    }

    @Test func `F38: control: without another provider the check finds fault`() async throws {
        let wrongs = Self.elsewhere.filter { $0.calls == 1 }
        let flaws = try await Self.flawsOfF38(Self.pair(wrongs) { $0.withFallback = false }, wrongs)
        for wrong in wrongs { #expect(flaws.contains { $0.hasPrefix("\(wrong.name): ") }, "\(wrong.name)") }
    }
}

extension Pair {
    /// Whether no connection to P is open but those on which a call for one of these models was answered as HTTP
    /// wants it.
    func hasLeftP(but models: Set<String>) -> Bool {
        let ledger = primary.ledger
        let kept = Set(ledger.calls.filter { models.contains($0.model) }.map(\.connection))
        return ledger.lines.indices.allSatisfy { ledger.lines[$0].closedAt != nil || kept.contains($0) }
    }
}
