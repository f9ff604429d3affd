import Foundation
import Testing
import Wall

/// Faults of a provider while its answer is streamed.
///
/// Before anything meaningful was delivered the next provider answers and nobody notices; after that the stream is
/// said to be broken.
@Suite struct Streams {
    private static let words = (0..<60).map { $0 == 0 ? "w0" : " w\($0)" }

    /// The beginning of a stream, with time for it to be delivered before what follows.
    private static func begun(_ count: Int) -> [Wall.Act] {
        [Answer.streamHead, Answer.role()] + Answer.words(Array(words.prefix(count)))
            + (count > 0 ? [.wait(.milliseconds(150))] : [])
    }

    private static func text(_ count: Int) -> String { words.prefix(count).joined() }

    /// What is wrong with what a caller has of a stream that broke after so many words.
    static func flaws(of pair: Pair, brokenAfter count: Int, within limit: Duration = .seconds(1))
        async throws -> [String]
    {
        var flaws = Flaws()
        let reply = try await pair.chat(stream: true)
        if count == 0 {
            flaws += reply.flaws(asAnswerOfFWithin: limit)
        } else {
            flaws += reply.flaws(asBrokenStreamAfter: text(count), within: limit)
            flaws.expect(pair.callsToF.isEmpty, "F was asked after a part had been delivered")
        }
        flaws.expect(pair.callsToP.count == 1, "P was asked \(pair.callsToP.count) times")
        flaws += try await pair.aftermath(within: .seconds(2))
        return flaws.texts
    }

    // MARK: F33, F34

    @Test(
        arguments: [0, 1, 3, 40],
        [
            [Wall.Act.reset], [.finish], [.wait(.milliseconds(50)), .reset],
            [.text("1a\r\ndata: {\"choi"), .finish],
        ])
    func `F33: a stream that is cut is said to be broken, or answered by F if nothing was delivered`(
        count: Int, ending: [Wall.Act]
    ) async throws {
        let pair = try await Pair { _ in Self.begun(count) + ending }
        expectFlawless(try await Self.flaws(of: pair, brokenAfter: count))
    }

    @Test(arguments: [0, 1, 40])
    func `F34: an end without a finish reason is no end, however well HTTP ends`(count: Int) async throws {
        for (name, ending) in [
            ("end of chunks", [Answer.streamEnd]), ("mark alone", [Answer.done, Answer.streamEnd]),
            ("usage", [Answer.usage, Answer.done, Answer.streamEnd]),
            ("mark and close", [Answer.done, .finish]),
        ] {
            let pair = try await Pair { _ in Self.begun(count) + ending }
            expectFlawless(try await Self.flaws(of: pair, brokenAfter: count).of(name))
        }
    }

    @Test func `F34: a response with a length that ends in the middle of the text is broken`() async throws {
        let events = Self.words.prefix(3).map { "data: \(Answer.delta(#"{"content":"\#($0)"}"#))\n\n" }
            .joined()
        for length in [events.utf8.count, events.utf8.count + 100] {
            let pair = try await Pair { _ in
                [
                    .text(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: \(length)\r\n\r\n\(events)"
                    ), .wait(.milliseconds(50)), .finish,
                ]
            }
            expectFlawless(try await Self.flaws(of: pair, brokenAfter: 3))
        }
    }

    // MARK: F35

    @Test func `F35: a stream with a finish reason is whole, whatever comes after it or does not`()
        async throws
    {
        let whole = Self.begun(60) + [Answer.finish()]
        for (name, ending, limit) in [
            ("mark", [Answer.done, Answer.streamEnd], 1), ("no mark", [Answer.streamEnd], 1),
            ("closed", [.finish], 1), ("reset", [.reset], 1),
            ("usage, no mark", [Answer.usage, Answer.streamEnd], 1), ("left open", [.hang], 3),
            ("mark, left open", [Answer.done, .hang], 1),
            ("more after the mark", [Answer.done, Answer.event("{}"), Answer.streamEnd], 1),
            ("usage, left open", [Answer.usage, .hang], 3),
        ] as [(String, [Wall.Act], Int)] {
            let pair = try await Pair { _ in whole + ending }
            let reply = try await pair.chat(stream: true, more: #","stream_options":{"include_usage":true}"#)
            expectFlawless(reply.flaws(asAnswerOf: "p", Self.text(60), within: .seconds(limit)).of(name))
            if name.hasPrefix("usage") {
                #expect(reply.body.contains(#""total_tokens":12"#), "\(name): the usage is lost")
            }
            #expect(pair.callsToP.count == 1 && pair.callsToF.isEmpty)
            let isClosed = try await eventually {
                name == "mark" || name == "no mark" || pair.primary.ledger.openLines == 0
                    || !name.contains("open")
            }
            #expect(isClosed, "\(name): the provider's connection is left open")
            expectFlawless(try await pair.aftermath().of(name))
        }
    }

    @Test func `F35: the usage that only the gateway asked for is kept from the caller`() async throws {
        let pair = try await Pair { _ in
            Self.begun(2) + [Answer.finish(), Answer.usage, Answer.done, Answer.streamEnd]
        }
        let reply = try await pair.chat(stream: true)
        expectFlawless(reply.flaws(asAnswerOf: "p", Self.text(2), within: .seconds(1)))
        #expect(!reply.body.contains("total_tokens"))
        let usage = try await Client.decision(pair.gateway.port, reply)["usage"] as? [String: Any]
        #expect(usage?["completion"] as? Int == 7, "it is known all the same")
    }

    // MARK: F36, F37

    @Test(arguments: [0, 20])
    func `F36: a stream that falls silent is given up at its limit`(count: Int) async throws {
        let pair = try await Pair { _ in Self.begun(count) + [.hang] }
        expectFlawless(try await Self.flaws(of: pair, brokenAfter: count, within: .seconds(2)))
        let isClosed = try await eventually {
            pair.primary.ledger.lines.allSatisfy { $0.closedAt != nil || $0.requests == 0 }
                || pair.primary.ledger.openLines <= 1
        }
        #expect(isClosed)
    }

    @Test(arguments: [0, 20])
    func `F37: comments and empty events are no progress`(count: Int) async throws {
        let beat = [
            Answer.chunk(": keep-alive\n\n"), .wait(.milliseconds(200)), Answer.event(Answer.delta("{}")),
            .wait(.milliseconds(200)),
        ]
        let pair = try await Pair { _ in Self.begun(count) + Array(repeating: beat, count: 20).flatMap { $0 }
        }
        expectFlawless(try await Self.flaws(of: pair, brokenAfter: count, within: .milliseconds(2500)))
    }

    @Test func `a stream that is slow but moves is not given up`() async throws {
        let slow = Self.words.prefix(6).flatMap { Answer.words([$0]) + [.wait(.milliseconds(500))] }
        let pair = try await Pair { _ in
            [Answer.streamHead, Answer.role()] + slow + [Answer.finish(), Answer.done, Answer.streamEnd]
        }
        expectFlawless(
            try await pair.chat(stream: true).flaws(asAnswerOf: "p", Self.text(6), within: .seconds(5)))
    }

    // MARK: F38, F39

    private static let errors: [(name: String, event: String)] = [
        ("openai", Answer.error("The server is overloaded.", type: "server_error", code: "server_error")),
        (
            "openrouter",
            #"{"id":"g","object":"chat.completion.chunk","choices":[],"error":{"code":502,"message":"Provider returned error"}}"#
        ),
        (
            "openrouter-choices",
            #"{"id":"g","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":503,"message":"busy"}}"#
        ),
        ("anthropic", #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#),
        ("text", #"{"error":"model crashed"}"#),
        (
            "vllm",
            #"{"error":{"object":"error","message":"out of memory","type":"InternalServerError","code":500}}"#
        ),
    ]

    @Test func `F38: an error as the first event leads to F before anything is delivered`() async throws {
        let beginnings: [(name: String, acts: [Wall.Act])] = [
            ("alone", [Answer.streamHead]),
            ("after a comment", [Answer.streamHead, Answer.chunk(": ping\n\n")]),
            ("after the role", [Answer.streamHead, Answer.role()]),
        ]
        let routes = Self.errors.map(\.name)
        for (beginning, acts) in beginnings {
            let pair = try await Pair(settings: { $0.routes = routes }) { call in
                guard let error = Self.errors.first(where: { $0.name == call.model }) else {
                    return Answer.good(call)
                }
                let isNamed = call.model == "anthropic"
                return acts + [
                    isNamed
                        ? Answer.chunk("event: error\ndata: \(error.event)\n\n") : Answer.event(error.event),
                    Answer.done, Answer.streamEnd,
                ]
            }
            for route in routes {
                let reply = try await pair.chat(route, stream: true)
                expectFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)).of("\(route) \(beginning)"))
                #expect(pair.callsToP(for: route).count <= 2)
            }
            expectFlawless(try await pair.aftermath())
        }
    }

    @Test func `F38: a rate limit as the first event is waited for`() async throws {
        let pair = try await Pair { call in
            guard call.number == 0 else { return Answer.good(call) }
            return [
                Answer.streamHead, Answer.event(#"{"error":{"code":429,"message":"Rate limit exceeded"}}"#),
                Answer.done, Answer.streamEnd,
            ]
        }
        expectFlawless(try await pair.chat(stream: true).flaws(asAnswerOfPWithin: .seconds(2)))
    }

    @Test func `F39: an error after tokens is told, and is no end`() async throws {
        for error in Self.errors {
            let pair = try await Pair { _ in
                Self.begun(3) + [Answer.event(error.event), Answer.done, Answer.streamEnd]
            }
            expectFlawless(try await Self.flaws(of: pair, brokenAfter: 3).of(error.name))
        }
    }

    // MARK: Defences taken away

    @Test func `F36 is found when the limit between tokens is taken away`() async throws {
        let pair = try await Pair(settings: { $0.timeouts = "{ first_token: 1s, idle: 60s, total: 4s }" }) {
            _ in Self.begun(20) + [.hang]
        }
        #expect(!(try await Self.flaws(of: pair, brokenAfter: 20, within: .seconds(2))).isEmpty)
    }

    @Test func `F33 before the first token is found when F is taken away`() async throws {
        let pair = try await Pair(settings: { $0.withFallback = false }) { _ in Self.begun(0) + [.reset] }
        #expect(!(try await Self.flaws(of: pair, brokenAfter: 0)).isEmpty)
    }

    @Test func `F35 is found when a stream has no finish reason`() async throws {
        let pair = try await Pair { _ in Self.begun(60) + [Answer.done, Answer.streamEnd] }
        let reply = try await pair.chat(stream: true)
        #expect(!reply.flaws(asAnswerOf: "p", Self.text(60), within: .seconds(1)).isEmpty)
    }
}
