import Foundation
import Testing
import Wall

/// Answers that are no JSON, or only part of it, or JSON that can be read in two ways.
extension BadAnswers {
    // MARK: F27

    /// The shortest whole answer, with letters of more than one byte, as a completion and as an event.
    private static let completion =
        #"{"id":"☕","choices":[{"message":{"content":"\#(Pair.answerOfP)"},"logprobs":null,"finish_reason":"stop"}]}"#
    private static let event =
        #"{"id":"☕","choices":[{"delta":{"content":"\#(Pair.answerOfP)"},"logprobs":null,"finish_reason":null}]}"#
    private static let ending = #"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#

    private static func chunk(_ data: [UInt8]) -> Wall.Act {
        let event = Array("data: ".utf8) + data + Array("\n\n".utf8)
        return .send(Array((String(event.count, radix: 16) + "\r\n").utf8) + event + Array("\r\n".utf8))
    }

    /// The text as a whole answer, or as the only event of a stream that has a part of the answer.
    private static func answer(_ call: Wall.Call, _ change: ([UInt8]) -> [UInt8]) -> [Wall.Act] {
        guard call.streams else { return [Answer.response(200, change(Array(completion.utf8)))] }
        return [
            Answer.streamHead, Answer.role(), chunk(change(Array(event.utf8))), Answer.finish(), Answer.done,
            Answer.streamEnd,
        ]
    }

    /// A change of the text that spoils it.
    private static func spoiled(
        _ name: String, streamMeans: String = "api_failure, unreadable",
        _ change: @escaping @Sendable (String) -> [UInt8]
    ) -> Variant {
        Variant(name, streamMeans) { call in
            answer(call) { change(String(decoding: $0, as: UTF8.self)) }
        }
    }

    private static func replaced(_ name: String, _ old: String, _ new: String) -> Variant {
        spoiled(name) { Array($0.replacingOccurrences(of: old, with: new).utf8) }
    }

    /// With another value in place of the first `null`.
    private static func valued(_ name: String, _ value: String) -> Variant {
        replaced(name, #""logprobs":null"#, #""logprobs":\#(value)"#)
    }

    private static let content = #""content":"\#(Pair.answerOfP)""#

    static let malformed =
        [
            spoiled("bom") { [0xEF, 0xBB, 0xBF] + Array($0.utf8) },
            spoiled("no-utf8") {
                Array($0.utf8.dropLast(3)) + [0xED, 0xA0, 0xBD] + Array($0.utf8.suffix(3))
            },
            spoiled("nul") { Array($0.utf8) + [0] },
            spoiled("trailing") { Array(($0 + "}").utf8) },
            spoiled("two") { Array(($0 + $0).utf8) },
            spoiled("list") { Array("[\($0)]".utf8) },
            spoiled("words") { _ in Array("upstream timed out".utf8) },
            replaced("comma", "}]}", "},]}"), replaced("quotes", "\"", "'"),
            replaced("comment", ",", ", /* no */"), replaced("bare-key", #""choices""#, "choices"),
            replaced("control", "Hello", "Hel\u{1}lo"), replaced("escape", "Hello", #"Hel\xlo"#),
        ]
        + [
            valued("nan", "NaN"), valued("infinity", "-Infinity"), valued("undefined", "undefined"),
            valued("zeros", "00"), valued("plus", "+1"), valued("point", "1."),
            valued("huge", "1e400"), valued("huge-negative", "-1e999"),
            valued("long", String(repeating: "9", count: 100_000)),
            valued("long-fraction", "0." + String(repeating: "3", count: 100_000)),
            valued(
                "depth-list", String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)),
            valued(
                "depth-object",
                String(repeating: #"{"a":"#, count: 10_000) + "1" + String(repeating: "}", count: 10_000)),
            spoiled("depth-open") { _ in Array(repeating: 0x5B, count: 10_000) },
            spoiled("megabytes", streamMeans: "api_failure, event_too_long") { _ in
                Array(repeating: 0x39, count: 2_000_000)
            },
        ]
        + [
            replaced("high-surrogate", "Hello", #"\ud83d"#), replaced("low-surrogate", "Hello", #"\ude00"#),
            replaced("two-high", "Hello", #"\ud83d\ud83d"#),
        ]
        + [
            replaced("twice-choices", #"{"id""#, #"{"choices":[],"id""#),
            replaced("twice-spelled", #"{"id""#, #"{"cho\u0069ces":[],"id""#),
            replaced("twice-content", content, content + #","content":"""#),
            replaced("twice-finish", #""logprobs":null"#, #""finish_reason":"length""#),
            spoiled("twice-message") { text in
                let more = #"[{"message":{"content":""},"delta":{"content":""},"#
                return Array(text.replacingOccurrences(of: "[{", with: more).utf8)
            },
        ]

    @Test func `F27: an answer that is no proper JSON never reaches the caller and F answers`() async throws {
        let pair = try await Pair(Self.malformed)
        try requireFlawless(try await Self.flawsOfF27(pair))
    }

    static func flawsOfF27(_ pair: Pair) async throws -> [String] {
        let found = try await malformed.flaws { variant, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            flaws += reply.flaws(asAnswerOfFWithin: .seconds(2))
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            let means = stream ? variant.means : "api_failure, malformed", why = try await pair.why(reply)
            flaws.expect(why == "p/\(model) failed (\(means)); f answered", "it says: \(why)")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    /// A breaker that looks at more calls than a test makes, so that P is asked each time.
    static let neverOpens = ["breaker: { minimum_calls: 100000, consecutive_failures: 0 }"]

    /// Answers cut after as many bytes as the caller's `user` says.
    static func cut(_ call: Wall.Call) -> [Wall.Act] {
        answer(call) { Array($0.prefix(Int(call.user) ?? 0)) }
    }

    @Test(arguments: [false, true])
    func `F27: JSON that is cut at any byte is no answer, and F answers`(stream: Bool) async throws {
        let pair = try await Pair(settings: { $0.lines = Self.neverOpens }, Self.cut)
        try requireFlawless(try await Self.flawsOfF27Cut(pair, stream))
    }

    static func flawsOfF27Cut(_ pair: Pair, _ stream: Bool) async throws -> [String] {
        let length = (stream ? event : completion).utf8.count
        let found = try await flawsOfEach(Array(0...length), atATime: 8) { bytes in
            let reply = try await pair.chat(stream: stream, more: #","user":"\#(bytes)""#)
            let flaws =
                bytes == length
                ? reply.flaws(asAnswerOfPWithin: .seconds(2)) : reply.flaws(asAnswerOfFWithin: .seconds(2))
            return flaws.of("\(bytes) bytes")
        }
        var flaws = Flaws()
        flaws += found
        flaws.expect(
            pair.callsToP.map(\.user).sorted() == (0...length).map { "\($0)" }.sorted(),
            "P was asked \(pair.callsToP.count) times for \(length + 1) cuts")
        flaws.expect(pair.callsToF.count == length, "F was asked \(pair.callsToF.count) times")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F27: an end of a stream that is cut at any byte is none, and the caller is told`()
        async throws
    {
        let pair = try await Pair(settings: { $0.lines = Self.neverOpens + ["broken_streams: off"] }) {
            call in
            let cut = Array(Self.ending.utf8.prefix(Int(call.user) ?? 0))
            return [Answer.streamHead, Answer.role()] + Answer.words([Pair.answerOfP])
                + [.wait(.milliseconds(100)), Self.chunk(cut), Answer.done, Answer.streamEnd]
        }
        let length = Self.ending.utf8.count
        let flaws = try await flawsOfEach(Array(0...length), atATime: 8) { bytes in
            let reply = try await pair.chat(stream: true, more: #","user":"\#(bytes)""#)
            if bytes == length { return reply.flaws(asAnswerOfPWithin: .seconds(2)) }
            // On a busy machine all may be read at once; then nothing was delivered and F can still answer.
            let isReplaced = reply.field("x-holdfast-provider") == "f"
            let flaws =
                isReplaced
                ? reply.flaws(asAnswerOfFWithin: .seconds(2))
                : reply.flaws(asBrokenStreamAfter: Pair.answerOfP, within: .seconds(2))
            return flaws.of("\(bytes) bytes")
        }
        try requireFlawless(flaws)
        #expect(pair.callsToP.count == length + 1)
        #expect(pair.callsToF.count < length / 2, "hardly any stream broke off")
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [false, true])
    func `F27: a provider that sends nothing but malformed answers is kept away by its breaker`(stream: Bool)
        async throws
    {
        let pair = try await Pair { call in Self.answer(call) { Array($0.dropLast()) } }
        for _ in 0..<30 {
            try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfFWithin: .seconds(1)))
        }
        #expect(pair.callsToP.count < 15, "P was asked \(pair.callsToP.count) times")
        #expect(try await pair.health().breaker == "open")
    }
}
