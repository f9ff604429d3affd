import Foundation
import Testing
import Wall

/// Faults in the middle of an answer: connections that break, answers without an end, silence.
@Suite(.tags(.measuresTime)) struct Streams {
    /// A stream that goes wrong, by the name of the route whose model at P plays it.
    struct Break: Sendable {
        var name: String
        /// What the caller may have read before it was told.
        var text: String
        var acts: [Wall.Act]

        init(_ name: String, after count: Int, head: Wall.Act = Answer.streamHead, _ acts: Wall.Act...) {
            self.name = name
            text = Streams.words(count).joined()
            // A reset may overtake what was sent right before it.
            self.acts =
                [head, Answer.role()] + Answer.words(Streams.words(count)) + [.wait(.milliseconds(50))] + acts
        }

        /// A break of a response whose body is not in chunks.
        init(_ name: String, after count: Int, fields: String, plain: String, _ acts: Wall.Act...) {
            self.name = name
            text = Streams.words(count).joined()
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\(fields)\r\n"
            let events = Streams.words(count).map { "data: \(Answer.delta(#"{"content":"\#($0)"}"#))\n\n" }
            self.acts = [.text(head + events.joined() + plain), .wait(.milliseconds(50))] + acts
        }
    }

    /// Whether the response ends as HTTP wants it, so that the connection may be used again.
    private static func endsWell(_ item: Break) -> Bool {
        if case .send(let bytes)? = item.acts.last { return bytes.suffix(5) == Array("0\r\n\r\n".utf8)[...] }
        return false
    }

    static func words(_ count: Int) -> [String] { (0..<count).map { "w\($0) " } }

    /// A gateway with a route for each break.
    static func pair(_ breaks: [Break], settings change: (inout Pair.Settings) -> Void = { _ in })
        async throws -> Pair
    {
        let acts = Dictionary(uniqueKeysWithValues: breaks.map { ($0.name, $0.acts) })
        return try await Pair(settings: {
            $0.routes = breaks.map(\.name)
            // What another provider can do about them is told in MidStreamFailover.
            $0.lines = ["broken_streams: off"]
            change(&$0)
        }) { acts[$0.model] ?? [] }
    }

    /// What is wrong with how the breaks are told, all of them tried at once.
    static func flaws(
        of breaks: [Break], _ pair: Pair, within limit: Duration = .seconds(1), causes: [String]
    ) async throws -> [String] {
        var flaws = Flaws()
        try await withThrowingTaskGroup(of: [String].self) { tasks in
            for item in breaks {
                tasks.addTask { try await Self.flaws(of: item, pair, within: limit, causes).of(item.name) }
            }
            for try await found in tasks { flaws += found }
        }
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    private static func flaws(of item: Break, _ pair: Pair, within limit: Duration, _ causes: [String])
        async throws -> [String]
    {
        var flaws = Flaws()
        let reply = try await pair.chat(item.name, stream: true, limit: limit + .seconds(1))
        flaws += reply.flaws(asBrokenStreamAfter: item.text, within: limit)
        let areWhole = reply.events.allSatisfy {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8))) != nil
        }
        flaws.expect(areWhole, "a part of an event was passed on: \(reply.events.suffix(2))")
        let calls = pair.callsToP.filter { $0.model == item.name }
        flaws.expect(calls.count == 1, "P was asked \(calls.count) times")
        // Another answer from its beginning would not fit to what the caller has.
        flaws.expect(!pair.callsToF.contains { $0.model == item.name }, "F was asked")
        let decision = try await Client.decision(pair.gateway.port, reply)
        let outcome = decision["outcome"] as? String, why = decision["summary"] as? String ?? "nothing"
        flaws.expect(outcome == "interrupted", "the decision's outcome is \(outcome ?? "none")")
        let isExplained = causes.contains { why.contains(", \($0)); the answer broke off and the caller") }
        flaws.expect(isExplained, "it says: \(why)")
        let isClosed = try await eventually(Self.endsWell(item) ? .zero : .seconds(1)) {
            calls.allSatisfy { pair.primary.ledger.lines[$0.connection].closedAt != nil }
        }
        flaws.expect(isClosed || Self.endsWell(item), "the connection to P was left open")
        return flaws.texts
    }

    // MARK: F33

    private static let half =
        #"{"id":"chatcmpl-2","object":"chat.completion.chunk","choices":[{"index":0,"del"#

    /// Connections that end before the answer does.
    static let cuts = [
        Break("reset-after-3", after: 3, .reset),
        Break("reset-in-event", after: 3, Answer.chunk("data: " + half), .wait(.milliseconds(50)), .reset),
        Break("closed-after-40-of-60", after: 40, .finish),
        Break("closed-in-event", after: 40, Answer.chunk("data: " + half), .finish),
        Break("closed-in-chunk", after: 40, .text("b8\r\ndata: " + half), .finish),
        Break("closed-in-size", after: 40, .text("b"), .finish),
        Break("closed-in-last-chunk", after: 40, .text("0\r\n"), .finish),
        Break("short-of-length", after: 40, fields: "content-length: 100000\r\n", plain: "", .finish),
    ]

    @Test func `F33: a stream whose connection breaks ends with one error event and nothing else`()
        async throws
    {
        let pair = try await Self.pair(Self.cuts)
        try requireFlawless(
            try await Self.flaws(of: Self.cuts, pair, causes: ["reset", "closed_early", "malformed"]))
        #expect(
            try await pair.metric(
                #"holdfast_requests_total{route="reset-after-3",outcome="interrupted"}"#) == 1)
    }

    @Test func `F33: without another provider a broken stream is told in the same way`() async throws {
        let pair = try await Self.pair(Self.cuts) { $0.withFallback = false }
        try requireFlawless(
            try await Self.flaws(of: Self.cuts, pair, causes: ["reset", "closed_early", "malformed"]))
    }

    @Test(arguments: [[Wall.Act.reset], [.finish]], [false, true])
    func `F33: what breaks off before its first word, or is not streamed, is answered by F`(
        acts: [Wall.Act], stream: Bool
    ) async throws {
        let whole = Answer.completion()
        let pair = try await Pair { _ in
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(whole.utf8.count)\r\n\r\n"
            let begin: [Wall.Act] =
                stream ? [Answer.streamHead, Answer.role()] : [.text(head + whole.prefix(150))]
            return begin + [.wait(.milliseconds(50))] + acts
        }
        let reply = try await pair.chat(stream: stream)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(pair.callsToP.count == 1)
        #expect(pair.callsToF.count == 1)
        #expect(!reply.text.contains("wall-1"), "a part of P's answer was passed on")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F33: control: the check finds fault with a stream that did not break`() async throws {
        let whole = [
            Break("closed-after-40-of-60", after: 40, Answer.finish(), Answer.done, Answer.streamEnd)
        ]
        let pair = try await Self.pair(whole)
        let flaws = try await Self.flaws(of: whole, pair, causes: ["closed_early"])
        #expect(flaws.contains { $0.contains("there is an end mark") })
        #expect(flaws.contains { $0.contains("there is a finish reason") })
    }

    // MARK: F34

    /// Responses that end as HTTP says they must, though the answer has no end.
    static let endless = [
        Break("last-chunk", after: 20, Answer.streamEnd),
        Break("last-chunk-closed", after: 20, Answer.streamEnd, .finish),
        Break("usage-only", after: 20, Answer.usage, Answer.streamEnd),
        Break("end-mark-only", after: 20, Answer.done, Answer.streamEnd),
        Break(
            "finish-null", after: 20, Answer.event(Answer.delta("{}", finish: "null")), Answer.done,
            Answer.streamEnd),
        Break(
            "other-choice", after: 20,
            Answer.event(
                #"{"id":"chatcmpl-2","object":"chat.completion.chunk","choices":[{"index":1,"delta":{},"#
                    + #""finish_reason":"length"}]}"#), Answer.streamEnd),
        Break("closed", after: 20, fields: "connection: close\r\n", plain: "", .finish),
        Break(
            "closed-in-event", after: 20, fields: "connection: close\r\n", plain: "data: {\"id\":", .finish),
    ]

    @Test func `F34: a stream that ends without a finish reason is a broken one, whatever ended it`()
        async throws
    {
        let pair = try await Self.pair(Self.endless)
        // A choice that was never asked for may end without making the answer whole: it is passed on as it came.
        let own = Self.endless.filter { $0.name != "other-choice" }
        try requireFlawless(try await Self.flaws(of: own, pair, causes: ["closed_early"]))
        let other = try await pair.chat("other-choice", stream: true)
        #expect(other.errorCode == "stream_interrupted" && !other.body.contains("[DONE]"))
    }

    @Test func `F34: an answer without a finish reason that is not streamed is not passed on`() async throws {
        let choices =
            #"[{"index":0,"message":{"role":"assistant","content":"Half an"},"finish_reason":null}]"#
        let pair = try await Pair { _ in [Answer.response(200, Answer.completion(choices: choices))] }
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(pair.callsToP.count == 1)
        let why = try await pair.why(reply)
        #expect(why == "p/p-1 failed (quality_failure, truncated); f answered", "it says: \(why)")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F34: control: the check finds fault with a finish reason`() async throws {
        let whole = [Break("last-chunk", after: 20, Answer.finish(), Answer.streamEnd)]
        let pair = try await Self.pair(whole)
        #expect(!(try await Self.flaws(of: whole, pair, causes: ["closed_early"])).isEmpty)
    }

    // MARK: F36

    /// Providers that fall silent in the middle of an answer.
    static let silences = [
        Break("between-events", after: 20, .hang),
        Break("in-event", after: 20, Answer.chunk("data: " + half), .hang),
        Break("in-chunk", after: 20, .text("b8\r\ndata: "), .hang),
        Break("without-length", after: 20, fields: "", plain: "", .hang),
        Break("then-good", after: 20, .wait(.seconds(4)), Answer.finish(), Answer.done, Answer.streamEnd),
    ]

    @Test func `F36: a provider that falls silent is given up at the idle limit`() async throws {
        let pair = try await Self.pair(Self.silences)
        let begun = ContinuousClock.now
        try requireFlawless(
            try await Self.flaws(of: Self.silences, pair, within: .milliseconds(2500), causes: ["timed_out"]))
        #expect(ContinuousClock.now - begun > .milliseconds(900), "it did not wait for the limit")
    }

    @Test func `F36: control: with an idle limit of 30 s the check finds fault`() async throws {
        let pair = try await Self.pair(Self.silences) {
            $0.timeouts = "{ connect: 1s, head: 1s, first_token: 1s, idle: 30s, total: 60s }"
        }
        let flaws = try await Self.flaws(
            of: [Self.silences[0]], pair, within: .milliseconds(2500), causes: ["timed_out"])
        #expect(flaws.contains { $0.contains("error events") })
    }

    @Test(arguments: [false, true])
    func
        `F36: who falls silent before the first word, or in an answer that is not streamed, is replaced by F`(
            stream: Bool
        ) async throws
    {
        let pair = try await Pair { _ in
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n"
            return stream
                ? [Answer.streamHead, Answer.role(), .hang]
                : [.text(head + Answer.completion().prefix(150)), .hang]
        }
        let reply = try await pair.chat(stream: stream, limit: .seconds(4))
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .milliseconds(2500)))
        #expect(reply.elapsed > .milliseconds(900))
        #expect(pair.callsToP.count == 1)
        #expect(try await eventually { pair.primary.ledger.openLines == 0 }, "P was left waiting")
        let why = try await pair.why(reply)
        #expect(why == "p/p-1 failed (timeout, timed_out); f answered", "it says: \(why)")
        try requireFlawless(try await pair.aftermath())
    }
}
