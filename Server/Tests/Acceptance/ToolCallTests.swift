import Foundation
import Testing
import Wall

/// Tool calls that look whole and are not (F46): the provider ends its answer as if they were.
@Suite(.tags(.measuresTime)) struct HalfToolCalls {
    private static func call(_ arguments: String, name: String = "f") -> String {
        #"{"index":0,"id":"c1","type":"function","function":{"name":"\#(name)","arguments":"\#(arguments)"}}"#
    }

    private static func piece(_ arguments: String, index: Int = 0) -> String {
        #"{"index":\#(index),"function":{"arguments":"\#(arguments)"}}"#
    }

    /// Pieces of tool calls none of which is one.
    private static let halves: [String: [String]] = [
        "cut": [call(#"{\"city\":"#)], "in a text": [call(#"{\"city\":\"Bo"#)],
        "after a backslash": [call(#"{\"city\":\"Bo\\"#), piece(#"\"}"#)],
        "a piece twice": [call(#"{\"city\":"#), piece(#"{\"city\":"#), piece(#"\"Bonn\"}"#)],
        "without a beginning": [call("{}"), piece("{}", index: 1)],
        "without a name": [call("{}", name: "")],
    ]

    /// - Parameter pause: What is done between the tool call and the end of a stream.
    private static func acts(
        _ call: Wall.Call, _ pieces: [String], finish: String, pause: [Wall.Act] = []
    ) -> [Wall.Act] {
        let ending = [Answer.event(Answer.delta("{}", finish: "\"\(finish)\"")), Answer.usage, Answer.done]
        guard call.streams else {
            let message = #"{"role":"assistant","content":null,"tool_calls":[\#(pieces[0])]}"#
            let choices = #"[{"index":0,"message":\#(message),"finish_reason":"\#(finish)"}]"#
            return [Answer.response(200, Answer.completion(choices: choices))]
        }
        let events = pieces.map { Answer.event(Answer.delta(#"{"tool_calls":[\#($0)]}"#)) }
        return [Answer.streamHead, Answer.role()] + events + pause + ending + [Answer.streamEnd]
    }

    private static func pair(_ pieces: [String], finish: String, manner: String) async throws -> Pair {
        try await Pair(settings: { $0.wholeAnswers = manner }) { acts($0, pieces, finish: finish) }
    }

    @Test(arguments: halves.keys.sorted())
    func `F46: half a tool call is no end, whatever finish reason stands behind it`(name: String) async throws
    {
        let pieces = Self.halves[name] ?? []
        for finish in ["tool_calls", "stop"] {
            // However busy the machine is, the end must not come before the caller has the part.
            let hasPart = Flag()
            let pair = try await Pair(settings: { $0.wholeAnswers = "stream" }) { call in
                Self.acts(call, pieces, finish: finish, pause: [.waitUntil { hasPart.value }])
            }
            let line = try await pair.begin(stream: true)
            await line.wait(.seconds(3)) { $0.body.contains("tool_calls") }
            hasPart.value = true
            let stream = await line.wait(.seconds(3)) { $0.closed }
            try requireFlawless(stream.flaws(asBrokenStreamAfter: "", within: .seconds(3)))
            #expect(try await pair.why(stream).contains("(api_failure, half_tool_call)"))
            try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(3)))
            try requireFlawless(try await pair.aftermath())
        }
    }

    @Test(arguments: ["cut", "in a text", "without a name"])
    func `F46: nor in an answer that came as a whole`(name: String) async throws {
        let pair = try await Self.pair(Self.halves[name] ?? [], finish: "tool_calls", manner: "plain")
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(3)))
        #expect(try await pair.why(reply).contains("(api_failure, half_tool_call)"))
    }

    @Test(arguments: ["plain", "stream"])
    func `F46: an answer that says that it was cut may end in half a tool call`(manner: String) async throws {
        let pair = try await Self.pair([Self.call(#"{\"city\":"#)], finish: "length", manner: manner)
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream)
            #expect(reply.status == 200 && reply.field("x-holdfast-provider") == "p")
            #expect(reply.body.contains(#""finish_reason":"length""#) && reply.errorEvents.isEmpty)
        }
    }

    @Test(arguments: ["", "{}", #"{\"a\":\"}\\\"{\"}"#, "null", #" {\"a\":[1,{\"b\":\"[\"}]} "#])
    func `F46: control: tool calls that are whole pass`(arguments: String) async throws {
        for manner in ["plain", "stream"] {
            let pair = try await Self.pair([Self.call(arguments)], finish: "tool_calls", manner: manner)
            for stream in [false, true] {
                let reply = try await pair.chat(stream: stream)
                #expect(
                    reply.status == 200 && reply.field("x-holdfast-provider") == "p"
                        && reply.errorEvents.isEmpty)
                #expect(reply.body.contains(#""arguments":"\#(arguments)""#), "\(reply.body)")
            }
        }
    }
}
