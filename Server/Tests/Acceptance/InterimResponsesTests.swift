import Foundation
import Testing
import Wall

/// Responses that come before the response (F9): informational ones are passed over, within a bound.
@Suite(.tags(.measuresTime)) struct InterimResponses {
    /// A form of the fault, and who answers in the end.
    struct Form: Sendable {
        var variant: Variant
        var answersItself: Bool

        init(_ name: String, answers: Bool = false, means: String = "", _ acts: [Wall.Act]) {
            variant = Variant(name, means) {
                acts + (answers || means.contains("malformed") ? Answer.good($0) : [])
            }
            answersItself = answers
        }
    }

    private static let goOn = "HTTP/1.1 100 Continue\r\n\r\n"
    private static let hints = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"

    private static func hints(_ count: Int) -> [Wall.Act] {
        [.text(String(repeating: hints, count: count))]
    }

    private static let late = "timeout, timed_out", wrong = "api_failure, malformed"

    private static let forms = [
        Form("only-100", means: late, [.text(goOn), .hang]),
        Form(
            "only-101", means: late,
            [.text("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n"), .hang]),
        Form(
            "drip", means: late, (0..<10).flatMap { _ in [.text(goOn), .wait(.milliseconds(250))] } + [.hang]),
        Form("half", means: late, [.text("HTTP/1.1 103 Early Hints\r\nlink: <"), .hang]),
        Form("then-answer", answers: true, [.text(goOn)]),
        Form("then-answer-later", answers: true, [.text(goOn), .wait(.milliseconds(200))]),
        Form(
            "with-length", answers: true,
            [.text("HTTP/1.1 100 Continue\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n")]),
        Form("hints-16", answers: true, hints(16)),
        Form("hints-17", means: wrong, hints(17)),
        Form("hints-50", means: wrong, hints(50)),
        Form("hints-1000", means: wrong, hints(1000)),
        Form("hints-slow", means: wrong, (0..<20).flatMap { _ in hints(1) + [.wait(.milliseconds(20))] }),
        Form(
            "hints-large", means: "api_failure, head_too_large",
            [
                .text("HTTP/1.1 103 Early Hints\r\nlink: \(String(repeating: "a", count: 70_000))\r\n\r\n"),
                .hang,
            ]),
    ]

    private static func pair(_ change: (inout Pair.Settings) -> Void = { _ in }) async throws -> Pair {
        try await Pair(forms.map(\.variant), settings: change)
    }

    @Test
    func `F9: interim responses are passed over up to a bound, and what never follows them comes from F`()
        async throws
    {
        try requireFlawless(try await Self.flawsOfF9(Self.pair()))
    }

    static func flawsOfF9(_ pair: Pair) async throws -> [String] {
        let found = try await forms.map(\.variant).flaws { variant, model, stream in
            var flaws = Flaws()
            let reply = try await pair.chat(model, stream: stream)
            let answersItself = forms.contains { $0.variant.name == variant.name && $0.answersItself }
            flaws +=
                answersItself
                ? reply.flaws(asAnswerOfPWithin: .seconds(1))
                : reply.flaws(asAnswerOfFWithin: .milliseconds(1800))
            flaws.expect(pair.callsToP(for: model).count == 1, "P was asked again")
            flaws.expect(
                pair.countAtF(model) == (answersItself ? 0 : 1), "F was asked \(pair.countAtF(model)) times")
            let isOne = reply.text.components(separatedBy: "HTTP/1.1 ").count == 2
            flaws.expect(isOne, "an interim response was passed on: \(reply.text.prefix(200))")
            guard !answersItself else { return flaws }
            let why = try await pair.why(reply)
            flaws.expect(why == "p/\(model) failed (\(variant.means)); f answered", "it says: \(why)")
            let call = pair.callsToP.first { $0.model == model }
            let isClosed = try await eventually(.seconds(1)) {
                call.map { pair.primary.ledger.lines[$0.connection].closedAt != nil } ?? false
            }
            flaws.expect(isClosed, "the connection to P was left open")
            return flaws
        }
        return try await found + pair.aftermath()
    }

    @Test func `F9: control: without a limit for the head the check finds fault`() async throws {
        let pair = try await Self.pair {
            $0.timeouts = "{ connect: 1s, head: 3s, first_token: 3s, idle: 3s, total: 20s }"
        }
        let flaws = try await Self.flawsOfF9(pair)
        for name in ["only-100", "only-101", "drip", "half"] {
            for model in [name + "-whole", name + "-stream"] {
                #expect(flaws.contains { $0.hasPrefix("\(model): it took") }, "\(model): \(flaws)")
            }
        }
        #expect(!flaws.contains { $0.hasPrefix("hints-") })
    }
}
