import Foundation
import Testing
import Wall

/// What applications put together is the same through a fault as without one; their own accumulators are the judge.
@Suite(.tags(.measuresTime)) struct Accumulators {
    /// An answer as the events of a stream and as a whole.
    private struct Kind: Sendable {
        var events: [String]
        var body: String

        /// The events that a call asked for.
        func events(_ call: Wall.Call) -> [String] { events + (call.wantsUsage ? [usage] : []) + ["[DONE]"] }

        private var usage: String {
            #"{"id":"chatcmpl-2","object":"chat.completion.chunk","created":1795200000,"model":"wall-1","#
                + #""choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#
        }
    }

    private static let words = "Grün ist 🦊, \\\"sagt\\\" er,\\nund geht."
    private static let role = Answer.delta(#"{"role":"assistant","content":""}"#)
    private static let text = Kind(
        events: [role]
            + words.split(separator: " ").enumerated().map {
                Answer.delta(#"{"content":"\#($0 == 0 ? "" : " ")\#($1)"}"#)
            } + [Answer.delta("{}", finish: #""stop""#)],
        body: Answer.completion(words))
    private static let tools = Kind(
        events: [
            Answer.delta(#"{"role":"assistant","content":null}"#),
            Answer.delta(
                #"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"weather","arguments":""}}]}"#
            ),
            Answer.delta(#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}"#),
            Answer.delta(#"{"tool_calls":[{"index":0,"function":{"arguments":"\"Köln\"}"}}]}"#),
            Answer.delta(
                #"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"time","arguments":"{}"}}]}"#
            ),
            Answer.delta("{}", finish: #""tool_calls""#),
        ],
        body: Answer.completion(
            choices:
                #"[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Köln\"}"}},{"id":"b","type":"function","function":{"name":"time","arguments":"{}"}}]},"finish_reason":"tool_calls"}]"#
        ))

    private static func framed(_ events: [String]) -> String { events.map { "data: \($0)\n\n" }.joined() }

    private static func chunked(_ body: String) -> [Wall.Act] {
        [Answer.streamHead, Answer.chunk(body), Answer.streamEnd]
    }

    /// What P does; its name is the second part of the model's.
    private static let faults: [String: @Sendable (Wall.Call, Kind) -> [Wall.Act]] = [
        "good": { call, kind in
            call.streams ? chunked(framed(kind.events(call))) : [Answer.response(200, kind.body)]
        },
        "bytes": { call, kind in
            let chunks = framed(kind.events(call)).utf8.flatMap {
                Array("1\r\n".utf8) + [$0] + Array("\r\n".utf8)
            }
            return [Answer.streamHead] + chunks.map { .send([$0]) } + [Answer.streamEnd]
        },
        "cr": { call, kind in chunked(kind.events(call).map { "data:\($0)\r\r" }.joined()) },
        "crlf": { call, kind in
            chunked(kind.events(call).map { ": x\r\nid: 1\r\ndata: \($0)\r\n\r\n" }.joined())
        },
        "no-mark": { call, kind in chunked(framed(kind.events(call).dropLast())) },
        "cut-after": { call, kind in
            [Answer.streamHead, Answer.chunk(framed(kind.events(call))), .wait(.milliseconds(20)), .reset]
        },
        "other-form": { call, kind in
            call.streams ? [Answer.response(200, kind.body)] : chunked(framed(kind.events(call)))
        },
        "resets": { _, _ in [.reset] }, "hangs": { _, _ in [.hang] },
        "500": { _, _ in [Answer.response(500, Answer.error("It broke."))] },
        "error-event": { _, _ in chunked(framed([Answer.error("busy", code: "overloaded")])) },
        "breaks": { call, kind in
            [
                Answer.streamHead, Answer.chunk(framed(Array(kind.events(call).prefix(3)))),
                .wait(.milliseconds(50)),
            ]
                + [.reset]
        },
    ]

    private static func acts(_ call: Wall.Call) -> [Wall.Act] {
        let parts = call.model.split(separator: "_").map(String.init)
        guard parts.count == 2, let fault = faults[parts[1]] else { return [] }
        return fault(call, parts[0] == "text" ? text : tools)
    }

    private static func good(_ call: Wall.Call) -> [Wall.Act] {
        faults["good"]?(call, call.model.hasPrefix("text") ? text : tools) ?? []
    }

    @Test func `the official SDK and httpx put together the same text, tool calls and usage through faults`()
        async throws
    {
        // Half a tool call that was delivered cannot be gone on with.
        let names = Self.faults.keys.sorted().flatMap { ["text_\($0)", "tools_\($0)"] }.filter {
            $0 != "tools_breaks"
        }
        let pair = try await Pair(
            settings: {
                $0.routes = names
                $0.wholeAnswers = "auto"
            }, fallback: { Self.good($0) }, { Self.acts($0) })
        let (status, output) = try await PythonTools.run("accumulators.py", ["\(pair.gateway.port)"] + names)
        #expect(status == 0, "\(output)")
        var found: [String: NSDictionary] = [:]
        for line in output.split(separator: "\n") {
            guard var facts = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let model = facts.removeValue(forKey: "model"), let way = facts.removeValue(forKey: "way")
            else { continue }
            found["\(model) \(way)"] = facts as NSDictionary
        }
        #expect(found.count == names.count * 4)
        for way in ["whole", "helper", "stream", "raw"] {
            for kind in ["text", "tools"] {
                let right = try #require(found["\(kind)_good \(way)"])
                #expect(right["error"] == nil && right["tokens"] as? Int == 12, "\(kind) \(way): \(right)")
                for name in names where name.hasPrefix(kind) {
                    let facts = found["\(name) \(way)"]
                    #expect(facts == right, "\(name) \(way): \(String(describing: facts)), not \(right)")
                }
            }
        }
        #expect(found["text_good whole"]?["text"] as? String == "Grün ist 🦊, \"sagt\" er,\nund geht.")
        #expect((found["tools_good helper"]?["calls"] as? [[String]])?.count == 2)
        try requireFlawless(try await pair.aftermath())
    }
}
