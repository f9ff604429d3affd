import Foundation
import Testing
import Wall

/// What counts as progress of a stream, and errors after it began.
///
/// Before anything meaningful was delivered the next provider answers and nobody notices; after that the stream is
/// said to be broken.
@Suite(.tags(.measuresTime)) struct StreamProgress {
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

    // MARK: F37

    @Test(arguments: [0, 20])
    func `F37: comments and empty events are no progress`(count: Int) async throws {
        let beat = [
            Answer.chunk(": keep-alive\n\n"), .wait(.milliseconds(200)), Answer.event(Answer.delta("{}")),
            .wait(.milliseconds(200)),
        ]
        let pair = try await Pair(settings: { $0.lines = ["broken_streams: off"] }) { _ in
            Self.begun(count) + Array(repeating: beat, count: 20).flatMap { $0 }
        }
        try requireFlawless(try await Self.flaws(of: pair, brokenAfter: count, within: .milliseconds(2500)))
    }

    @Test func `a stream that is slow but moves is not given up`() async throws {
        let slow = Self.words.prefix(6).flatMap { Answer.words([$0]) + [.wait(.milliseconds(500))] }
        let pair = try await Pair(settings: { $0.lines = ["broken_streams: off"] }) { _ in
            [Answer.streamHead, Answer.role()] + slow + [Answer.finish(), Answer.done, Answer.streamEnd]
        }
        try requireFlawless(
            try await pair.chat(stream: true).flaws(asAnswerOf: "p", Self.text(6), within: .seconds(5)))
    }

    // MARK: F39

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

    @Test func `F39: an error after tokens is told, and is no end`() async throws {
        for error in Self.errors {
            let pair = try await Pair(settings: { $0.lines = ["broken_streams: off"] }) { _ in
                Self.begun(3) + [Answer.event(error.event), Answer.done, Answer.streamEnd]
            }
            try requireFlawless(try await Self.flaws(of: pair, brokenAfter: 3).of(error.name))
        }
    }

    // MARK: F53

    @Test(arguments: [false, true])
    func `F53: a caller that only closes its sending side is served`(stream: Bool) async throws {
        let pair = try await Pair { [.wait(.milliseconds(300))] + Answer.good($0) }
        let line = try await pair.begin(stream: stream)
        await line.finish()
        let reply = await line.wait(.seconds(3)) { $0.closed }
        try requireFlawless(reply.flaws(asAnswerOfPWithin: .seconds(1)))
    }
}
