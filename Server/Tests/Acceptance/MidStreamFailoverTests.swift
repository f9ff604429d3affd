import Foundation
import Testing
import Wall

/// Streams that break after a part of them was delivered, and what another provider can do about it (the splice rule).
@Suite(.tags(.measuresTime)) struct MidStreamFailover {
    private static let text = "The quick brown fox jumps over the lazy dog, says \"hello\", and ends: grün 🦊."
    private static let words: [String] = {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        return words.enumerated().map { $0 == 0 ? $1 : " " + $1 }
    }()

    private static func quoted(_ words: some Sequence<String>) -> [String] {
        words.map { $0.replacingOccurrences(of: "\"", with: "\\\"") }
    }

    /// A stream that breaks after so many words, with time for them to be delivered.
    private static func broken(after count: Int, _ ending: [Wall.Act] = [.reset]) -> [Wall.Act] {
        [Answer.streamHead, Answer.role()] + Answer.words(quoted(words.prefix(count))) + [
            .wait(.milliseconds(100))
        ] + ending
    }

    /// The whole text in pieces of that many characters, so that no boundary is where P's were.
    private static func whole(by size: Int, model: String = "f-1") -> [Wall.Act] {
        let characters = Array(text)
        let pieces = stride(from: 0, to: characters.count, by: size).map {
            String(characters[$0..<min($0 + size, characters.count)])
        }
        return Answer.stream(quoted(pieces), model: model)
    }

    private static func pair(
        _ conduct: String? = nil, fallback: @escaping @Sendable (Wall.Call) -> [Wall.Act],
        prefill: String? = nil,
        _ script: @escaping @Sendable (Wall.Call) -> [Wall.Act]
    ) async throws -> Pair {
        try await Pair(
            settings: {
                if let conduct { $0.lines = ["broken_streams: \(conduct)"] }
                if let prefill { $0.fallbackTarget = ", prefill: \(prefill)" }
            }, fallback: fallback, script)
    }

    /// What is wrong with a stream as one answer from its beginning to its end.
    private static func flaws(_ reply: Client.Reply, _ text: String = text) -> [String] {
        var flaws = Flaws()
        flaws += reply.flaws(asAnswerOf: "p", text, within: .seconds(3))
        let events = reply.events.dropLast().compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        flaws.expect(events.count == reply.events.count - 1, "an event is no JSON: \(reply.events)")
        for name in ["id", "model"] {
            flaws.expect(
                Set(events.compactMap { $0[name] as? String }).count == 1, "\(name) changes: \(reply.events)")
        }
        flaws.expect(Set(events.compactMap { $0["created"] as? Int }).count == 1, "created changes")
        let choices = events.compactMap { ($0["choices"] as? [[String: Any]])?.first }
        let roles = choices.count { ($0["delta"] as? [String: Any])?["role"] != nil }
        flaws.expect(roles == 1, "it begins \(roles) times")
        flaws.expect(choices.count { $0["finish_reason"] is String } == 1, "it finishes not once")
        return flaws.texts
    }

    // MARK: splice

    @Test func `F33: when another provider's text begins with what was delivered, only the rest follows`()
        async throws
    {
        for count in [1, 3, 12, Self.words.count] {
            for size in [1, 4, 500] {
                let pair = try await Self.pair(fallback: { _ in Self.whole(by: size) }) { _ in
                    Self.broken(after: count)
                }
                let reply = try await pair.chat(stream: true)
                try requireFlawless(Self.flaws(reply).of("\(count) words, pieces of \(size)"))
                #expect(pair.callsToP.count == 1 && pair.callsToF.count == 1)
                let why = try await pair.why(reply)
                #expect(why == "p/p-1 failed (transient, reset); f went on and answered", "\(why)")
                #expect(try await pair.metric(#"holdfast_streams_mended_total{route="chat"}"#) == 1)
                try requireFlawless(try await pair.aftermath())
            }
        }
    }

    @Test func `every way in which a stream breaks can be mended`() async throws {
        for (name, ending) in [
            ("end of chunks", [Answer.streamEnd]), ("mark", [Answer.done, Answer.streamEnd]),
            ("close", [.finish]), ("silence", [.hang]),
            ("error", [Answer.event(Answer.error("overloaded")), Answer.done, Answer.streamEnd]),
            (
                "line without end",
                [
                    .text("fffffff\r\ndata: "), .flood([UInt8](repeating: 0x61, count: 65_536), times: 64),
                    .hang,
                ]
            ),
        ] as [(String, [Wall.Act])] {
            let pair = try await Self.pair(fallback: { _ in Self.whole(by: 7) }) { _ in
                Self.broken(after: 5, ending)
            }
            try requireFlawless(Self.flaws(try await pair.chat(stream: true)).of(name))
            try requireFlawless(try await pair.aftermath())
        }
    }

    @Test
    func `F45: when the other provider's text differs, the first failure is told and nothing of it is shown`()
        async throws
    {
        let delivered = Self.words.prefix(5).joined()
        for (name, answer) in [
            ("other text", Answer.stream(["Something", " else"])),
            ("other and longer", Answer.stream((0..<40).map { " other\($0)" })),
            ("first letter", Answer.stream(Self.quoted(["X" + Self.text.dropFirst()]))),
            ("last letter", Answer.stream(Self.quoted([delivered.dropLast() + "X and so on"]))),
            ("shorter", Answer.stream([String(delivered.dropLast())])),
            (
                "a tool",
                [
                    Answer.streamHead,
                    Answer.event(
                        Answer.delta(
                            #"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}"#)),
                    Answer.finish(), Answer.streamEnd,
                ]
            ),
            ("nothing", [Answer.streamHead, Answer.role(), Answer.finish(), Answer.streamEnd]),
            ("refused", [Answer.response(400, Answer.error("bad", type: "invalid_request_error"))]),
            ("broken", [Answer.streamHead, .reset]), ("503", [Answer.response(503, Answer.error("down"))]),
        ] as [(String, [Wall.Act])] {
            let pair = try await Self.pair(fallback: { _ in answer }) { _ in Self.broken(after: 5) }
            let reply = try await pair.chat(stream: true)
            try requireFlawless(reply.flaws(asBrokenStreamAfter: delivered, within: .seconds(2)).of(name))
            #expect(
                reply.errorMessage?.contains("closed the connection") ?? false,
                "\(name): the first failure is told: \(reply.errorMessage ?? "")")
            #expect(pair.callsToF.count == 1, "\(name): F was asked \(pair.callsToF.count) times")
            try requireFlawless(try await pair.aftermath())
        }
    }

    @Test func `an answer that is mended and breaks again is mended by the third provider`() async throws {
        let pair = try await Pair(settings: { $0.more = ["p-2"] }, fallback: { _ in Self.whole(by: 3) }) {
            $0.model == "p-2" ? Self.broken(after: 9) : Self.broken(after: 4)
        }
        try requireFlawless(Self.flaws(try await pair.chat(stream: true)))
        #expect(pair.callsToP.count == 2 && pair.callsToF.count == 1)
    }

    @Test func `F46: half a tool call is neither mended nor passed off as whole`() async throws {
        let call =
            #"{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]}"#
        let pair = try await Self.pair(fallback: { _ in Self.whole(by: 3) }) { _ in
            [
                Answer.streamHead, Answer.role(), Answer.event(Answer.delta(call)), .wait(.milliseconds(100)),
                .reset,
            ]
        }
        let reply = try await pair.chat(stream: true)
        try requireFlawless(reply.flaws(asBrokenStreamAfter: "", within: .seconds(1)))
        #expect(pair.callsToF.isEmpty)
    }

    @Test func `usage comes once, from whoever ended the answer`() async throws {
        let ending = [Answer.finish(), Answer.usage, Answer.done, Answer.streamEnd]
        let pair = try await Self.pair(fallback: { _ in
            [Answer.streamHead, Answer.role()] + Answer.words(Self.quoted(Self.words)) + ending
        }) { _ in
            Self.broken(after: 5)
        }
        let reply = try await pair.chat(stream: true, more: #","stream_options":{"include_usage":true}"#)
        #expect(reply.answer == Self.text && reply.hasDone)
        #expect(reply.body.components(separatedBy: "\"total_tokens\"").count == 2)
    }

    // MARK: continue

    @Test(arguments: ["message", "vllm"])
    func `a provider that can is given what was delivered and goes on`(prefill: String) async throws {
        let rest = Self.words.dropFirst(5)
        let pair = try await Self.pair(
            "continue", fallback: { _ in Answer.stream(Self.quoted(rest), model: "f-1") }, prefill: prefill
        ) { _ in
            Self.broken(after: 5)
        }
        try requireFlawless(Self.flaws(try await pair.chat(stream: true)))
        let sent = try #require(pair.callsToF.first).body
        let body = try JSONSerialization.jsonObject(with: Data(sent.utf8)) as? [String: Any]
        let messages = body?["messages"] as? [[String: Any]] ?? []
        #expect(messages.count == 2 && messages.last?["role"] as? String == "assistant")
        #expect(messages.last?["content"] as? String == Self.words.prefix(5).joined())
        #expect((body?["continue_final_message"] as? Bool ?? false) == (prefill == "vllm"))
    }

    @Test(arguments: [#","tools":[]"#, #","response_format":{"type":"json_object"}"#, #","n":2"#])
    func `an answer that is bound to a form is not begun for anybody`(more: String) async throws {
        let pair = try await Self.pair("continue", fallback: { _ in Self.whole(by: 5) }, prefill: "message") {
            _ in Self.broken(after: 5)
        }
        _ = try await pair.chat(stream: true, more: more)
        let sent = try #require(pair.callsToF.first).body
        #expect(!sent.contains("assistant"), "\(sent)")
    }

    // MARK: buffer and off

    @Test(arguments: [0, 1, 12])
    func `with buffer nothing is shown before the end, and another provider always takes over`(count: Int)
        async throws
    {
        let pair = try await Self.pair(
            "buffer", fallback: { _ in Answer.stream(["Something", " else"], model: "f-1") }
        ) { _ in Self.broken(after: count) }
        let reply = try await pair.chat(stream: true)
        try requireFlawless(reply.flaws(asAnswerOf: "f", "Something else", within: .seconds(2)))
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `with off a broken stream is told at once and nobody else is asked`() async throws {
        let pair = try await Self.pair("off", fallback: { _ in Self.whole(by: 5) }) { _ in
            Self.broken(after: 5)
        }
        let reply = try await pair.chat(stream: true)
        try requireFlawless(
            reply.flaws(asBrokenStreamAfter: Self.words.prefix(5).joined(), within: .seconds(1)))
        #expect(pair.callsToF.isEmpty)
    }

    @Test func `mending is found to be missing when it is taken away`() async throws {
        let pair = try await Self.pair("off", fallback: { _ in Self.whole(by: 5) }) { _ in
            Self.broken(after: 5)
        }
        #expect(!Self.flaws(try await pair.chat(stream: true)).isEmpty)
    }

    @Test func `a caller that leaves while its answer is being mended ends that too`() async throws {
        let pair = try await Self.pair(fallback: { _ in [Answer.streamHead, Answer.role(), .hang] }) { _ in
            Self.broken(after: 5)
        }
        let line = try await pair.begin(stream: true)
        #expect(try await eventually { pair.callsToF.count == 1 })
        await line.reset()
        let isClosed = try await eventually(.seconds(1)) { pair.fallback.ledger.openLines == 0 }
        #expect(isClosed)
        try requireFlawless(try await pair.aftermath())
    }
}
