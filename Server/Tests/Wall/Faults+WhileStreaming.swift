/// Answers that begin well and go wrong. A request that wants no stream meets what comes closest.
extension Fault {
    static let whileStreaming = breaks + stillness + errors + forms + amounts + oddities

    private static let end = [Answer.finish(), Answer.done, Answer.streamEnd]

    private static let breaks = [
        Fault(
            "F33-reset", "The connection is reset after 3 words.", streamed: { $0.begun(3) + [.reset] },
            whole: { $0.half + [.reset] }),
        Fault(
            "F33-close", "The connection is closed after 40 words, without a last chunk.",
            streamed: { $0.begun(40) + [.finish] }, whole: { $0.half + [.finish] }),
        Fault(
            "F34", "The response ends well after 20 words, without a finish reason and an end mark.",
            streamed: { $0.begun(20) + [Answer.streamEnd] },
            whole: { asked in
                let text = asked.words.prefix(asked.words.count / 2).joined()
                return [
                    Answer.response(200, Fault.replaced(Answer.completion(text), #""stop""#, "null"))
                ]
            }),
        Fault(
            "F35", "The answer is complete, without an end mark.", [.right],
            streamed: { $0.allWords + [Answer.finish(), Answer.streamEnd] }, whole: \.good),
        Fault(
            "F35-usage", "The answer is complete, then comes its usage and the connection is closed.",
            [.right], streamed: { $0.allWords + [Answer.finish(), Answer.usage, .finish] }, whole: \.good),
    ]

    /// Something again and again for a minute.
    private static func minute(_ acts: Wall.Act..., every milliseconds: Int = 200) -> [Wall.Act] {
        (0..<(60_000 / milliseconds / acts.count)).flatMap { _ in
            acts.flatMap { [$0, .wait(.milliseconds(milliseconds))] }
        }
    }

    private static let stillness = [
        Fault(
            "F36", "Silence after 20 words; the connection stays open.", [.long],
            streamed: { $0.begun(20) + [.hang] }, whole: { $0.half + [.hang] }),
        Fault(
            "F37-comments", "Nothing but comments after 20 words.", [.long],
            streamed: { $0.begun(20) + minute(Answer.chunk(": keep-alive\n\n")) },
            whole: { $0.half + [.hang] }),
        Fault(
            "F37-empty", "Nothing but events without words after 20 words.", [.long],
            streamed: { $0.begun(20) + minute(Answer.event(Answer.delta("{}"))) },
            whole: { $0.half + [.hang] }),
    ]

    private static let overloaded =
        #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#
    private static let gone =
        #"{"id":"g","object":"chat.completion.chunk","choices":[],"error":{"code":502,"message":"Gone"}}"#

    private static let errors = [
        Fault(
            "F38-openrouter", "The first event is an error with an empty list of choices.",
            streamed: { _ in Asked.stream([gone]) }, whole: { _ in [Answer.response(200, gone)] }),
        Fault(
            "F38-anthropic", "The first event is an error of the type overloaded_error.",
            streamed: { _ in Asked.body("event: error\ndata: \(overloaded)\n\n") },
            whole: { _ in [Answer.response(200, overloaded)] }),
        Fault(
            "F39", "An error after 3 words, then an end mark.",
            streamed: { $0.begun(3) + [Answer.event(gone), Answer.done, Answer.streamEnd] },
            whole: { _ in [Answer.response(200, gone)] }),
        Fault(
            "F40", "An event that is no JSON stands between the words; no word is missing.",
            streamed: {
                $0.begun(9) + [Answer.event("{\"id\":\"chatcmpl-2\",\"cho")] + $0.rest(9) + end
            }, whole: \.good),
    ]

    /// The right events with other line ends and fields around them.
    private static func written(
        _ name: String, _ about: String, _ write: @escaping @Sendable (Int, String) -> String
    ) -> Fault {
        Fault(
            name, about, [.right],
            streamed: { asked in
                Asked.body(asked.events.enumerated().map { write($0, $1) }.joined())
            }, whole: \.good)
    }

    private static let forms = [
        Fault(
            "F41-bytes", "Each byte of the answer is sent by itself.", [.right],
            streamed: { $0.good.flatMap(single) }, whole: { $0.good.flatMap(single) }),
        Fault(
            "F41-chunks", "Each byte of the answer is a chunk of its own.", [.right],
            streamed: { asked in
                let body = asked.events.map { "data: \($0)\n\n" }.joined()
                let chunks = body.utf8.flatMap { Array("1\r\n".utf8) + [$0] + Array("\r\n".utf8) }
                return [Answer.streamHead, .send(chunks), Answer.streamEnd]
            }, whole: \.good),
        written("F42-cr", "Lines end with CR.") { "data: \($1)\r\r" },
        written("F42-crlf", "Lines end with CRLF, and there is no space after data.") {
            "data:\($1)\r\n\r\n"
        },
        written("F42-mixed", "Lines end with CR, LF and CRLF in turn.") {
            "data: \($1)" + ["\r\r", "\n\n", "\r\n\r\n"][$0 % 3]
        },
        written("F42-fields", "Events have ids, names, retry times and comments.") {
            ": comment\nid: \($0)\nevent: message\nretry: 100\ndata: \($1)\n\n"
        },
        written("F42-last", "The last event has no empty line after it.") {
            "data: \($1)\n" + ($1 == "[DONE]" ? "" : "\n")
        },
    ]

    private static func single(_ act: Wall.Act) -> [Wall.Act] {
        guard case .send(let bytes) = act else { return [act] }
        return bytes.map { .send([$0]) }
    }

    private static let amounts = [
        Fault(
            "F43-slow", "A byte every 100 ms.", [.long],
            streamed: { $0.good.flatMap(single).flatMap { [$0, .wait(.milliseconds(100))] } },
            whole: { $0.good.flatMap(single).flatMap { [$0, .wait(.milliseconds(100))] } }),
        Fault(
            "F43-burst", "50 MB of words as fast as they are taken.", [.heavy],
            streamed: { asked in
                let event = "data: \(Answer.delta(#"{"content":" more"}"#))\n\n"
                let text = String(repeating: event, count: 250)
                let chunk = Array((String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n").utf8)
                return asked.allWords + [.flood(chunk, times: 1 + 50_000_000 / chunk.count)] + end
            }, whole: \.good),
        Fault(
            "F43-tiny", "100,000 empty events before the words.", [.heavy],
            streamed: { asked in
                let text = String(repeating: "data: {}\n\n", count: 1000)
                return [Answer.streamHead, Answer.role()] + (0..<100).map { _ in Answer.chunk(text) }
                    + Answer.words(asked.words) + end
            }, whole: \.good),
        Fault(
            "F44", "A line without an end, 64 MB of it.", [.heavy],
            streamed: { asked in
                let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 0x61, count: 1 << 16)
                return asked.begun(3) + [Answer.chunk("data: {\"x\":\"")]
                    + [.flood(chunk + Array("\r\n".utf8), times: 1024), .hang]
            }, whole: { $0.half + [.flood([UInt8](repeating: 0x61, count: 1 << 16), times: 1024), .hang] }),
    ]

    private static let call =
        #"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]}"#

    private static let oddities = [
        Fault(
            "F45", "The event that begins an answer comes again after 3 words.", [.right],
            streamed: { $0.begun(3) + [Answer.role()] + $0.rest(3) + end }, whole: \.good),
        Fault(
            "F46", "The arguments of a tool call break off, and the connection is closed.",
            streamed: { _ in
                [Answer.streamHead, Answer.role(), Answer.event(Answer.delta(call))]
                    + [.wait(.milliseconds(50)), .finish]
            }, whole: { $0.half + [.finish] }),
        Fault(
            "F48", "Words without end, ten a second.", [.long],
            streamed: {
                $0.allWords + minute(Answer.event(Answer.delta(#"{"content":" more"}"#)), every: 100)
            },
            whole: { $0.half + [.hang] }),
        Fault(
            "F50", "A whole answer where a stream is asked for, and the reverse.", [.right],
            streamed: { [Answer.response(200, $0.goodBody)] }, whole: { Asked.stream($0.events) }),
    ]
}
