import Foundation
import Testing
import Wall

/// Events of a stream that nobody can read (F40), tool calls that are not whole (F46), and providers that do not want
/// to go on with somebody else's answer (F47).
@Suite(.tags(.measuresTime)) struct UnreadableEvents {
    private static let words = (0..<14).map { $0 == 0 ? "w0" : " w\($0)" }
    private static let bad = Answer.event(#"{"id":"chatcmpl-2","choices":[{"index":0,"del"#)
    private static let pause = Wall.Act.wait(.milliseconds(100))

    /// A stream in which some of the words cannot be read.
    private static func stream(without places: [Int], finish: Wall.Act = Answer.finish()) -> [Wall.Act] {
        let events = Answer.words(words).enumerated().map { places.contains($0) ? bad : $1 }
        return [Answer.streamHead, Answer.role()] + events.prefix(8) + [pause] + events.dropFirst(8)
            + [finish, Answer.done, Answer.streamEnd]
    }

    private static func text(without places: [Int], upTo end: Int = words.count) -> String {
        words.prefix(end).enumerated().filter { !places.contains($0.offset) }.map(\.element).joined()
    }

    private static func pair(_ acts: [Wall.Act]) async throws -> Pair {
        try await Pair(settings: {
            $0.lines = ["broken_streams: off"]
            $0.wholeAnswers = "stream"
        }) { _ in acts }
    }

    // MARK: F40

    @Test(arguments: [[10], [8, 10, 12], [0, 1, 2]])
    func `F40: up to three events that cannot be read are passed over and the rest is delivered`(
        places: [Int]
    )
        async throws
    {
        let pair = try await Self.pair(Self.stream(without: places))
        let reply = try await pair.chat(stream: true)
        try requireFlawless(reply.flaws(asAnswerOf: "p", Self.text(without: places), within: .seconds(2)))
        let areWhole = reply.events.dropLast().allSatisfy {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8))) != nil
        }
        #expect(areWhole, "an unreadable event was passed on")
        #expect(pair.callsToP.count == 1 && pair.callsToF.isEmpty)
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [[8, 9, 10, 11], [2, 4, 6, 12]])
    func `F40: the fourth event that cannot be read ends the stream as a broken one`(places: [Int])
        async throws
    {
        try requireFlawless(try await Self.flawsOfFourth(places))
    }

    static func flawsOfFourth(_ places: [Int]) async throws -> [String] {
        let pair = try await Self.pair(stream(without: places))
        var flaws = Flaws()
        let reply = try await pair.chat(stream: true),
            text = Self.text(without: places, upTo: places.last ?? 0)
        flaws += reply.flaws(asBrokenStreamAfter: text, within: .seconds(1))
        flaws.expect(pair.callsToP.count == 1 && pair.callsToF.isEmpty, "somebody was asked again")
        let why = try await pair.why(reply)
        flaws.expect(why.contains("(api_failure, unreadable)"), "it says: \(why)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F40: control: with three the check for the fourth finds fault`() async throws {
        let flaws = try await Self.flawsOfFourth([8, 9, 10])
        #expect(flaws.contains { $0.hasPrefix("there is an end mark") }, "\(flaws)")
    }

    @Test func `F40: when the last event cannot be read the answer has no end`() async throws {
        let last = Answer.event(#"{"id":"chatcmpl-2","choices":[{"index":0,"delta":{},"finish_reason":"st"#)
        for finish in [last, Self.bad] {
            let pair = try await Self.pair(Self.stream(without: [], finish: finish))
            let reply = try await pair.chat(stream: true)
            try requireFlawless(reply.flaws(asBrokenStreamAfter: Self.text(without: []), within: .seconds(2)))
            #expect(pair.callsToF.isEmpty)
            try requireFlawless(try await pair.aftermath())
        }
    }

    @Test func `F40: an end mark that cannot be read does not matter after the finish reason`() async throws {
        let acts =
            [Answer.streamHead, Answer.role()] + Answer.words([Pair.answerOfP])
            + [Answer.finish(), Answer.event("[DON"), Answer.streamEnd]
        let pair = try await Self.pair(acts)
        try requireFlawless(try await pair.chat(stream: true).flaws(asAnswerOfPWithin: .seconds(2)))
    }

    @Test(arguments: [[10], [8, 9, 10, 11], [0, 1, 2, 3]])
    func `F40: an answer with a hole is never put together to a whole one, and F answers`(places: [Int])
        async throws
    {
        let pair = try await Self.pair(Self.stream(without: places))
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(2)))
        #expect(try await pair.why(reply) == "p/p-1 failed (api_failure, unreadable); f answered")
    }

    @Test func `F40: before the first word four events that cannot be read make F answer`() async throws {
        let pair = try await Self.pair(
            [Answer.streamHead, Answer.role()] + Array(repeating: Self.bad, count: 4) + [.hang])
        try requireFlawless(try await pair.chat(stream: true).flaws(asAnswerOfFWithin: .milliseconds(700)))
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: F46

    private static func tool(_ call: String) -> Wall.Act {
        Answer.event(Answer.delta(#"{"tool_calls":[\#(call)]}"#))
    }
    private static let toolBegin = tool(
        #"{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\"city\":"}}"#)
    private static let toolRest = tool(#"{"index":0,"function":{"arguments":"\"Bonn\"}"}}"#)
    private static let toolFinish = Answer.event(Answer.delta("{}", finish: #""tool_calls""#))
    private static let half =
        #"{"id":"chatcmpl-2","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"argum"#

    /// Every way in which a stream can break.
    static let endings: [(name: String, acts: [Wall.Act])] = [
        ("reset", [.reset]), ("closed", [.finish]), ("last-chunk", [Answer.streamEnd]),
        ("mark", [Answer.done, Answer.streamEnd]), ("silence", [.hang]),
        ("usage-and-mark", [Answer.usage, Answer.done, Answer.streamEnd]),
        ("half-event", [Answer.chunk("data: " + half), .finish]),
        ("half-event-mark", [Answer.event(half), Answer.done, Answer.streamEnd]),
        ("half-event-in-chunk", [.text("fff\r\ndata: " + half), .reset]),
        ("error", [Answer.event(Answer.error("overloaded")), Answer.done, Answer.streamEnd]),
        ("comments", (0..<30).flatMap { _ in [Answer.chunk(": on\n\n"), .wait(.milliseconds(50))] }),
    ]

    private static func toolPair(_ acts: @escaping @Sendable (Wall.Call) -> [Wall.Act]) async throws -> Pair {
        try await Pair(
            settings: {
                $0.routes = endings.map(\.name)
                $0.wholeAnswers = "stream"
            }, acts)
    }

    @Test(arguments: [false, true])
    func `F46: half a tool call is never passed off as whole, however the stream broke`(stream: Bool)
        async throws
    {
        let pair = try await Self.toolPair { call in
            let ending = Self.endings.first { $0.name == call.model }?.acts ?? []
            return [Answer.streamHead, Answer.role(), Self.toolBegin, Self.pause] + ending
        }
        try requireFlawless(try await Self.flawsOfF46(pair, stream))
        try requireFlawless(try await pair.aftermath())
    }

    static func flawsOfF46(_ pair: Pair, _ stream: Bool) async throws -> [String] {
        try await flawsOfEach(endings.map(\.name)) { name in
            var flaws = Flaws()
            let reply = try await pair.chat(name, stream: stream, more: #","tools":[]"#)
            if stream {
                flaws += reply.flaws(asBrokenStreamAfter: "", within: .milliseconds(1800))
                flaws.expect(reply.body.contains(#"{\"city\":"#), "what had come was not delivered")
            } else {
                flaws += reply.flaws(asAnswerOfFWithin: .milliseconds(1800))
                flaws.expect(!reply.body.contains("tool_calls"), "half a tool call was delivered")
            }
            flaws.expect(pair.callsToP(for: name).count == 1, "P was asked again")
            flaws.expect(pair.countAtF(name) == (stream ? 0 : 1), "F was asked \(pair.countAtF(name)) times")
            return flaws.texts.of(name)
        }
    }

    @Test(arguments: [false, true])
    func `F46: control: the check finds fault with a tool call that is whole`(stream: Bool) async throws {
        let pair = try await Self.toolPair { _ in
            [
                Answer.streamHead, Answer.role(), Self.toolBegin, Self.toolRest, Self.toolFinish, Answer.done,
                Answer.streamEnd,
            ]
        }
        #expect(try await Self.flawsOfF46(pair, stream).count >= Self.endings.count)
    }

    private static func whole(_ acts: [Wall.Act]) -> [Wall.Act] {
        [Answer.streamHead, Answer.role()] + acts + [toolFinish, Answer.done, Answer.streamEnd]
    }

    @Test func `F46: tool calls whose pieces come out of order are put in order`() async throws {
        let second = Self.tool(
            #"{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}"#)
        let pair = try await Self.pair(Self.whole([second, Self.toolBegin, Self.toolRest]))
        let reply = try await pair.chat()
        let calls =
            #"[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"city\":\"Bonn\"}"}},"#
        #expect(
            reply.status == 200 && reply.body.contains(#""tool_calls":"# + calls + #"{"id":"c2""#),
            "\(reply.body)")
        // A stream names the places itself and is passed on as it comes.
        let stream = try await pair.chat(stream: true)
        let places = stream.body.matches(of: #/"tool_calls":\[\{"index":(\d)/#).map { String($0.1) }
        #expect(places == ["1", "0", "0"] && stream.hasFinish && stream.hasDone)
        #expect(pair.callsToF.isEmpty)
    }

    @Test func `F46: a piece of a choice that nobody finishes leaves the answer without an end`() async throws
    {
        let stray = Answer.event(
            #"{"id":"c","choices":[{"index":5,"delta":{"content":"x"},"finish_reason":null}]}"#)
        let pair = try await Self.pair(Self.whole([Self.toolBegin, Self.toolRest, Self.pause, stray]))
        try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(2)))
        let stream = try await pair.chat(stream: true)
        #expect(stream.errorCode == "stream_interrupted" && !stream.hasDone && stream.isWellEnded)
    }

    // MARK: F47

    private static let refusesPrefill: @Sendable (Wall.Call) -> [Wall.Act] = { call in
        call.body.contains(#""role":"assistant""#)
            ? [
                Answer.response(
                    400,
                    Answer.error(
                        "This model does not support assistant message prefill.",
                        type: "invalid_request_error"))
            ] : Answer.stream(words, model: "f-1")
    }

    private static func prefillPair(
        _ conduct: String, fallback: @escaping @Sendable (Wall.Call) -> [Wall.Act] = refusesPrefill
    ) async throws -> Pair {
        try await Pair(
            settings: {
                $0.lines = ["broken_streams: \(conduct)"]
                $0.fallbackTarget = ", prefill: message"
            }, fallback: fallback
        ) { _ in [Answer.streamHead, Answer.role()] + Answer.words(Array(words.prefix(5))) + [pause, .reset] }
    }

    static func flawsOfF47(_ pair: Pair, calls: Int = 1) async throws -> [String] {
        var flaws = Flaws()
        let reply = try await pair.chat(stream: true), message = reply.errorMessage ?? "nothing"
        flaws += reply.flaws(asBrokenStreamAfter: text(without: [], upTo: 5), within: .seconds(1))
        flaws.expect(message.contains("closed the connection"), "the first failure is not told: \(message)")
        flaws.expect(!reply.body.contains("prefill"), "F's refusal is told")
        flaws.expect(pair.callsToF.count == calls, "F was asked \(pair.callsToF.count) times")
        let decision = try await Client.decision(pair.gateway.port, reply)
        flaws.expect(decision["outcome"] as? String == "interrupted", "the decision: \(decision)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test
    func
        `F47: when F does not take the beginning of an answer it is asked from scratch, and from then on at once`()
        async throws
    {
        let pair = try await Self.prefillPair("continue")
        for calls in [2, 3] {
            let reply = try await pair.chat(stream: true)
            try requireFlawless(reply.flaws(asAnswerOf: "p", Self.text(without: []), within: .seconds(2)))
            #expect(pair.callsToF.count == calls)
        }
        #expect(pair.callsToF.map { $0.body.contains(#""role":"assistant""#) } == [true, false, false])
    }

    @Test
    func `F47: when F takes neither the beginning nor the request, the caller is told the first failure`()
        async throws
    {
        let pair = try await Self.prefillPair("continue") { _ in
            [Answer.response(400, Answer.error("No prefill.", type: "invalid_request_error"))]
        }
        try requireFlawless(try await Self.flawsOfF47(pair, calls: 2))
    }

    @Test
    func `F47: with splice F is not given the beginning, and mends the answer or the first failure is told`()
        async throws
    {
        let pair = try await Self.prefillPair("splice")
        let reply = try await pair.chat(stream: true)
        try requireFlawless(reply.flaws(asAnswerOf: "p", Self.text(without: []), within: .seconds(2)))
        #expect(pair.callsToF.count == 1 && pair.callsToF.first?.body.contains("assistant") == false)
        let refusing = try await Self.prefillPair("splice") { _ in
            [Answer.response(400, Answer.error("No prefill.", type: "invalid_request_error"))]
        }
        try requireFlawless(try await Self.flawsOfF47(refusing))
    }

    @Test func `F47: control: the check finds fault where F takes the beginning and goes on`() async throws {
        let pair = try await Self.prefillPair("continue") { _ in
            Answer.stream(Array(Self.words.dropFirst(5)), model: "f-1")
        }
        let flaws = try await Self.flawsOfF47(pair)
        #expect(flaws.contains { $0.hasPrefix("there is an end mark") }, "\(flaws)")
    }
}
