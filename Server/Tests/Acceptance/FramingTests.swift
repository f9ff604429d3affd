import Foundation
import Testing
import Wall

/// Answers whose frame does not fit what is in it (F29, F31, F32): never taken for whole, and the connection on which
/// they came is not used again.
@Suite(.tags(.measuresTime)) struct Framing {
    /// The events of a good stream, without the framing of chunks.
    static let events: String = {
        let words = Pair.answerOfP.split(separator: " ").enumerated().map { $0 == 0 ? String($1) : " \($1)" }
        let deltas =
            [Answer.delta(#"{"role":"assistant","content":""}"#)]
            + words.map { Answer.delta(#"{"content":"\#($0)"}"#) } + [
                Answer.delta("{}", finish: #""stop""#), "[DONE]",
            ]
        return deltas.map { "data: \($0)\n\n" }.joined()
    }()

    /// The body that a call asks for, and its type.
    private static func body(_ call: Wall.Call) -> (type: String, text: String) {
        call.streams ? ("text/event-stream", events) : ("application/json", Answer.completion())
    }

    /// A response whose framing is made from the body's true length.
    private static func framed(
        _ name: String, means: String = "api_failure, malformed", then acts: [Wall.Act] = [],
        _ fields: @escaping @Sendable (Int) -> String
    ) -> Variant {
        Variant(name, means) { call in
            let (type, text) = body(call)
            let head = "HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\n\(fields(text.utf8.count))\r\n"
            return [.text(head + text)] + acts
        }
    }

    private static func chunked(_ text: String) -> String {
        "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n0\r\n\r\n"
    }

    // MARK: F29

    private static let twice = [
        framed("two-lengths") { "content-length: \($0)\r\ncontent-length: \($0 - 9)\r\n" },
        framed("two-same-lengths") { "content-length: \($0)\r\ncontent-length: \($0)\r\n" },
        framed("list-of-lengths") { "content-length: \($0), \($0)\r\n" },
        framed("negative-length") { "content-length: -\($0)\r\n" },
        framed("plus-length") { "content-length: +\($0)\r\n" },
        framed("hex-length") { "content-length: 0x\(String($0, radix: 16))\r\n" },
        framed("huge-length") { "content-length: 1\(String(repeating: "0", count: 18))\($0)\r\n" },
        framed("length-and-chunks") { "content-length: \($0)\r\ntransfer-encoding: chunked\r\n" },
        framed("chunks-and-length") { "transfer-encoding: chunked\r\ncontent-length: \($0)\r\n" },
        framed("two-codings") { _ in "transfer-encoding: gzip, chunked\r\n" },
        framed("chunked-twice") { _ in "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n" },
        Variant("length-over-chunks", "api_failure, malformed") { call in
            let (type, text) = body(call), all = chunked(text)
            let fields = "content-length: \(all.utf8.count)\r\ntransfer-encoding: chunked\r\n"
            return [.text("HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\n\(fields)\r\n\(all)")]
        },
        Variant("no-chunk-size", "api_failure, malformed") { call in
            let (type, text) = body(call), head = "HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\n"
            return [.text("\(head)transfer-encoding: chunked\r\n\r\n\(text)\r\n")]
        },
    ]

    /// The answer's first part only, though the length speaks of all of it, or the reverse.
    private static func cut(
        _ name: String, means: String, _ acts: @escaping @Sendable (String, String) -> [Wall.Act]
    )
        -> Variant
    {
        Variant(name, means) { call in
            let (type, text) = body(call)
            return acts("HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\n", text)
        }
    }

    /// As far as nothing of a stream that could be shown has come.
    private static func start(_ text: String) -> String { String(text.prefix(40)) }

    private static let wrong = [
        cut("larger-closed", means: "transient, closed_early") { head, text in
            [.text("\(head)content-length: \(text.utf8.count)\r\n\r\n\(start(text))"), .finish]
        },
        cut("larger-reset", means: "transient, reset") { head, text in
            [
                .text("\(head)content-length: \(text.utf8.count)\r\n\r\n\(start(text))"),
                .wait(.milliseconds(50)), .reset,
            ]
        },
        cut("larger-silent", means: "timeout, timed_out") { head, text in
            [.text("\(head)content-length: \(text.utf8.count)\r\n\r\n\(start(text))"), .hang]
        },
    ]

    static let misframed = twice + wrong

    @Test
    func `F29: an answer with a wrong or doubtful length is an error, F answers, and its connection is left`()
        async throws
    {
        try requireFlawless(try await Self.flawsOfBadFrame(Pair(Self.misframed), Self.misframed))
    }

    /// Asks for each variant twice: an answer that is F's both times, on connections to P that are never used again.
    static func flawsOfBadFrame(_ pair: Pair, _ variants: [Variant]) async throws -> [String] {
        let found = try await variants.flaws { variant, model, stream in
            var flaws = Flaws()
            for _ in 0..<2 {
                let reply = try await pair.chat(model, stream: stream)
                flaws += reply.flaws(asAnswerOfFWithin: .milliseconds(1800))
                let why = try await pair.why(reply)
                flaws.expect(why == "p/\(model) failed (\(variant.means)); f answered", "it says: \(why)")
            }
            let calls = pair.callsToP.filter { $0.model == model }
            flaws.expect(calls.count == 2, "P was asked \(calls.count) times for two answers")
            let areAlone = calls.allSatisfy { call in
                // A healthy call may have come before it on its connection, but none of these.
                pair.callsToP.count { $0.connection == call.connection } == 1
            }
            flaws.expect(areAlone, "a connection was used again")
            let areClosed = try await eventually(.seconds(1)) {
                calls.allSatisfy { pair.primary.ledger.lines[$0.connection].closedAt != nil }
            }
            flaws.expect(areClosed, "a connection was left open")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    @Test func `F29: control: the check finds fault where the length is right`() async throws {
        let good = Framing.framed("right") { "content-length: \($0)\r\n" }
        let pair = try await Pair([good])
        let flaws = try await Self.flawsOfBadFrame(pair, [good])
        #expect(flaws.contains { $0.hasPrefix("right-whole: the provider is p") })
        #expect(flaws.contains { $0.hasPrefix("right-stream: a connection was used again") }, "\(flaws)")
    }

    @Test(arguments: [false, true])
    func `F29: bytes beyond the length are no part of this answer nor of the next one`(stream: Bool)
        async throws
    {
        let more = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        let later = Flag()
        let pair = try await Pair(settings: { $0.lines = [BadAnswers.neverOpens[0]] }) { call in
            let (type, text) = Self.body(call)
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\ncontent-length: \(text.utf8.count)\r\n\r\n"
            return later.value
                ? [.text(head + text), .wait(.milliseconds(30)), .text(more)] : [.text(head + text + more)]
        }
        for isLater in [false, true] {
            later.value = isLater
            for _ in 0..<3 {
                try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(1)))
                if isLater { try await Task.sleep(for: .milliseconds(120)) }
            }
        }
        #expect(pair.callsToP.count == 6 && pair.callsToP.allSatisfy { $0.onConnection == 0 })
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F29: a whole answer that is cut by its length is none`() async throws {
        let pair = try await Pair(settings: { $0.lines = [BadAnswers.neverOpens[0]] }) { call in
            let text = Answer.completion()
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
            return [.text("\(head)\(text.utf8.count - (Int(call.user) ?? 0))\r\n\r\n\(text)")]
        }
        for less in [1, 2, 30, 150] {
            let reply = try await pair.chat(more: #","user":"\#(less)""#)
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)).of("\(less) less"))
        }
        try requireFlawless(try await pair.chat(more: #","user":"0""#).flaws(asAnswerOfPWithin: .seconds(1)))
        #expect(pair.callsToP.allSatisfy { $0.onConnection == 0 })
    }

    @Test func `F29: a stream that is cut by its length is a broken one`() async throws {
        let end = Self.events.range(
            of:
                #"data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":1795200000,"model":"wall-1","choices":[{"index":0,"delta":{},"#
        )
        let length = Self.events[..<(try #require(end).lowerBound)].utf8.count
        for less in [0, 30] {
            let pair = try await Pair(settings: { $0.lines = ["broken_streams: off"] }) { _ in
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: \(length - less)\r\n\r\n"
                return [.text(head + Self.events)]
            }
            let text = less == 0 ? Pair.answerOfP : "Hello from the"
            try requireFlawless(
                try await pair.chat(stream: true).flaws(asBrokenStreamAfter: text, within: .seconds(1)))
            let isClosed = try await eventually(.seconds(1)) { pair.primary.ledger.openLines == 0 }
            #expect(isClosed && pair.callsToF.isEmpty)
            try requireFlawless(try await pair.aftermath())
        }
    }

    // MARK: F31

    private static func headed(
        _ name: String, means: String = "api_failure, malformed", _ fields: String
    ) -> Variant {
        framed(name, means: means) { "content-length: \($0)\r\n\(fields)" }
    }

    private static let large = "api_failure, head_too_large"

    private static func block(_ name: String, _ piece: String, times: Int) -> Variant {
        Variant(name, large) { call in
            let (type, text) = body(call)
            return [
                .text("HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\nx-first: "),
                .flood(Array(piece.utf8), times: times),
                .text("\r\ncontent-length: \(text.utf8.count)\r\n\r\n\(text)"),
            ]
        }
    }

    private static func fields(_ count: Int) -> String {
        (0..<count).map { "x-\($0): \($0)\r\n" }.joined()
    }

    static let heads = [
        block("five-megabytes", "a\r\nx-more: \(String(repeating: "b", count: 1000))", times: 5000),
        block("five-megabytes-line", String(repeating: "c", count: 65_536), times: 80),
        headed("300-fields", means: large, fields(300)), headed("255-fields", means: large, fields(255)),
        headed("nul-in-value", "x-a: b\u{0}c\r\n"), headed("nul-in-name", "x\u{0}a: b\r\n"),
        headed("nul-alone", "\u{0}\r\n"), headed("bare-lf", "x-a: b\nx-c: d\r\n"),
        headed("bare-cr", "x-a: b\rx-c: d\r\n"), headed("folded", "x-a: b\r\n c\r\n"),
        headed("space-before-colon", "x-a : b\r\n"), headed("no-colon", "nothing\r\n"),
        headed("no-name", ": b\r\n"), headed("bell", "x-a: \u{7}\r\n"), headed("delete", "x-a: \u{7F}\r\n"),
        Variant("all-bare-lf", "timeout, timed_out") { call in
            let (type, text) = body(call)
            return [
                .text("HTTP/1.1 200 OK\ncontent-type: \(type)\ncontent-length: \(text.utf8.count)\n\n\(text)")
            ]
        },
        Variant("nul-in-status-line", "api_failure, malformed") { call in
            let (type, text) = body(call)
            let rest = "content-type: \(type)\r\ncontent-length: \(text.utf8.count)\r\n\r\n\(text)"
            return [.text("HTTP/1.1 200 O\u{0}K\r\n" + rest)]
        },
    ]

    @Test func `F31: a head that is too large or holds what no head may hold is an error, and F answers`()
        async throws
    {
        let pair = try await Pair(Self.heads)
        _ = try await pair.chat("healthy")
        let before = pair.gateway.residentMegabytes
        try requireFlawless(try await Self.flawsOfBadFrame(pair, Self.heads))
        let growth = pair.gateway.residentMegabytes - before
        #expect(growth < 32, "it cost \(growth) MiB")
    }

    @Test func `F31: control: the check finds fault with a head that is within the limits`() async throws {
        // Two fields come before them.
        let good = [Framing.headed("fields", Self.fields(254))]
        let flaws = try await Self.flawsOfBadFrame(Pair(good), good)
        #expect(flaws.contains { $0.hasPrefix("fields-whole: the provider is p") }, "\(flaws)")
        #expect(flaws.contains { $0.hasPrefix("fields-stream: the provider is p") })
    }
}
