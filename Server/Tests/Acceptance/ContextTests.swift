import Foundation
import Testing
import Wall

/// Prompts that are too long for a model, content that it refuses, and who may be asked then.
@Suite(.tags(.measuresTime)) struct Context {
    private static let tooLong = Answer.response(
        400, Answer.error("Too long.", type: "invalid_request_error", code: "context_length_exceeded"))
    private static let filtered = Answer.response(
        400, Answer.error("No.", type: "invalid_request_error", code: "content_policy_violation"))

    /// - Parameters:
    ///   - windows: The windows of P and F; nil for unknown.
    ///   - model: The route; `same` is a model that P and F call by the same name.
    private static func pair(
        _ windows: (Int?, Int?), more: [String] = [], lines: [String] = [],
        fallback: [Wall.Act]? = nil, refusal: Wall.Act = tooLong
    ) async throws -> Pair {
        try await Pair(
            settings: {
                $0.routes = ["same"]
                $0.more = more
                $0.lines = lines
                $0.primaryTarget = windows.0.map { ", context: \($0)" } ?? ""
                $0.fallbackTarget = windows.1.map { ", context: \($0)" } ?? ""
            }, fallback: { fallback ?? Answer.good($0, Pair.answerOfF, model: "f-1") }
        ) { _ in [refusal] }
    }

    private static func flaws(
        _ windows: (Int?, Int?), _ model: String = "chat", isAnsweredByF: Bool
    ) async throws -> [String] {
        let pair = try await pair(windows)
        var flaws = Flaws()
        for stream in [false, true] {
            let reply = try await pair.chat(model, stream: stream)
            flaws +=
                isAnsweredByF
                ? reply.flaws(asAnswerOfFWithin: .seconds(1))
                : reply.flaws(asRefusal: 400, "context_length_exceeded")
        }
        flaws.expect(pair.callsToP.count == 2, "P is asked \(pair.callsToP.count) times")
        flaws.expect(
            pair.callsToF.count == (isAnsweredByF ? 2 : 0), "F is asked \(pair.callsToF.count) times")
        flaws.expect(try await pair.health().breaker == "closed", "P is kept away")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F20: a prompt that is too long goes on to a larger window`() async throws {
        try requireFlawless(try await Self.flaws((8192, 128_000), isAnsweredByF: true))
    }

    @Test func `F20: a prompt that is too long does not go to a window that is no larger`() async throws {
        try requireFlawless(try await Self.flaws((8192, 8192), isAnsweredByF: false).of("the same"))
        try requireFlawless(try await Self.flaws((8192, 4096), isAnsweredByF: false).of("smaller"))
    }

    @Test func `F20: where a window is unknown another model is asked, and the same one is not`() async throws
    {
        try requireFlawless(try await Self.flaws((nil, nil), isAnsweredByF: true).of("both"))
        try requireFlawless(try await Self.flaws((8192, nil), isAnsweredByF: true).of("F's"))
        try requireFlawless(try await Self.flaws((nil, 4096), isAnsweredByF: true).of("P's"))
        try requireFlawless(
            try await Self.flaws((nil, nil), "same", isAnsweredByF: false).of("the same model"))
    }

    @Test func `F20: control: the check finds fault where F is asked in vain`() async throws {
        #expect(!(try await Self.flaws((4096, 8192), isAnsweredByF: false)).isEmpty)
        #expect(!(try await Self.flaws((8192, 4096), isAnsweredByF: true)).isEmpty)
    }

    @Test
    func `F20: targets as narrow are passed over, and when the wider one refuses as well the first is told`()
        async throws
    {
        let later = Answer.response(400, Answer.error("Later.", code: "context_length_exceeded"))
        let pair = try await Self.pair((8192, 128_000), more: ["p-2", "p-3"], fallback: [later])
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asRefusal: 400, "context_length_exceeded"))
        #expect(reply.body.contains("Too long.") && !reply.body.contains("Later."))
        #expect(pair.callsToP.map(\.model) == ["p-1"] && pair.callsToF.count == 1)
    }

    @Test(arguments: [false, true])
    func `F20: refused content is not routed around unless the route says so`(stream: Bool) async throws {
        let stops = try await Self.pair((nil, nil), refusal: Self.filtered)
        try requireFlawless(
            try await stops.chat(stream: stream).flaws(asRefusal: 400, "content_policy_violation"))
        #expect(stops.callsToF.isEmpty)
        let goesOn = try await Self.pair((nil, nil), lines: ["refused_content: next"], refusal: Self.filtered)
        try requireFlawless(try await goesOn.chat(stream: stream).flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(goesOn.callsToP.count == 1)
        #expect(try await goesOn.health().breaker == "closed")
    }

    // MARK: Speed

    private static func flawsOfSpeed(_ minimum: String, stream: Bool) async throws -> [String] {
        let words = (0..<40).map { " \($0)" }, isSlow = Flag()
        let pair = try await Pair(
            settings: {
                $0.wholeAnswers = "stream"
                $0.lines = ["broken_streams: buffer", "minimum_speed: \(minimum)"]
            }
        ) { call in
            let pause = Wall.Act.wait(.milliseconds(isSlow.value ? 250 : 5))
            return [Answer.streamHead, Answer.role()] + Answer.words(words).flatMap { [$0, pause] }
                + [Answer.finish(), Answer.usage, Answer.done, Answer.streamEnd]
        }
        var flaws = Flaws()
        for _ in 0..<4 {
            flaws += try await pair.chat(stream: stream)
                .flaws(asAnswerOf: "p", words.joined(), within: .seconds(2))
        }
        isSlow.value = true
        let reply = try await pair.chat(stream: stream)
        flaws += reply.flaws(asAnswerOfFWithin: .seconds(3))
        flaws.expect(try await pair.why(reply).contains("(timeout, too_slow)"), "it says another reason")
        flaws.expect(
            try await eventually { pair.primary.ledger.lines.contains(where: \.closedByPeer) }, "P goes on")
        return flaws.texts
    }

    @Test(arguments: [false, true])
    func `F69: a stream far below its target's usual speed is given up while nothing of it was delivered`(
        stream: Bool
    ) async throws {
        try requireFlawless(try await Self.flawsOfSpeed("0.1", stream: stream))
        #expect(!(try await Self.flawsOfSpeed("0", stream: stream)).isEmpty, "control: without the limit")
    }
}
