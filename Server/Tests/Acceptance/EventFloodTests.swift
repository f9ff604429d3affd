import Foundation
import Testing
import Wall

/// Streams that come in drops or all at once (F43), and lines and events that never end (F44).
@Suite(.tags(.measuresTime)) struct EventFloods {
    private static let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    private static let end = "data: \(Answer.delta("{}", finish: #""stop""#))\n\n"
    private static let mark = "data: [DONE]\n\n"

    private static func event(_ text: String) -> String {
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\(text)\"},\"finish_reason\":null}]}\n\n"
    }

    private static func pair(_ lines: [String] = [], _ script: @escaping @Sendable (Wall.Call) -> [Wall.Act])
        async throws -> Pair
    {
        try await Pair(
            places: Stage.shared.places,
            settings: {
                $0.wholeAnswers = "stream"
                $0.timeouts = "{ connect: 1s, head: 5s, first_token: 5s, idle: 5s, total: 20s }"
                $0.lines = BadAnswers.neverOpens + lines
            }, script)
    }

    // MARK: F43

    @Test(arguments: [false, true])
    func `F43: a stream that comes a byte at a time is a stream`(stream: Bool) async throws {
        let text = Self.event("Hello") + Self.event(" drop") + Self.end + Self.mark
        let pair = try await Self.pair { _ in
            [.text(Self.head + "\r\n")] + text.utf8.flatMap { [.send([$0]), .wait(.milliseconds(3))] } + [
                .finish
            ]
        }
        let reply = try await pair.chat(stream: stream)
        try requireFlawless(reply.flaws(asAnswerOf: "p", "Hello drop", within: .seconds(6)))
        #expect(reply.elapsed > .seconds(1), "it did not come in drops")
        try requireFlawless(try await pair.aftermath())
    }

    /// What is wrong with how so many events of a size in a single write arrive.
    ///
    /// - Returns: What is wrong, and how long it took.
    static func flaws(events count: Int, of size: Int, memory: Double, marked: Bool = true) async throws -> (
        flaws: [String], elapsed: Duration
    ) {
        let event = event(String(repeating: "x", count: size))
        let sent = String(repeating: event, count: count) + (marked ? end : "")
        let bytes = Array(
            "\(head)content-length: \(sent.utf8.count + mark.utf8.count)\r\n\r\n\(sent)\(mark)".utf8)
        let pair = try await pair { _ in [.send(bytes)] }
        _ = try await pair.chat("healthy")
        let before = pair.gateway.residentMegabytes
        async let answer = pair.chat(stream: true)
        var flaws = Flaws(), slowest = Duration.zero
        for _ in 0..<5 {
            let healthy = try await pair.chat("healthy")
            slowest = max(slowest, healthy.elapsed)
            try await Task.sleep(for: .milliseconds(20))
        }
        let reply = try await answer
        flaws.expect(slowest < .seconds(1), "a healthy call took \(slowest) meanwhile")
        flaws.expect(reply.status == 200 && reply.isWellEnded, "the reply has no proper end")
        // Compared as a whole, since to read so much takes longer than to send it.
        flaws.expect(reply.body == sent + mark, "\(reply.body.utf8.count) bytes came of \(sent.utf8.count)")
        let growth = pair.gateway.residentMegabytes - before
        flaws.expect(growth < memory, "it cost \(growth) MiB")
        flaws += try await pair.aftermath()
        return (flaws.texts, reply.elapsed)
    }

    @Test func `F43: twenty megabytes of events in one write pass in bounded time and memory`() async throws {
        let (flaws, elapsed) = try await Self.flaws(events: 1250, of: 16_000, memory: 48)
        try requireFlawless(flaws)
        #expect(elapsed < .seconds(8), "it took \(elapsed)")
    }

    @Test func `F43: what a hundred thousand tiny events in one write cost grows with their number only`()
        async throws
    {
        let (fewFlaws, few) = try await Self.flaws(events: 25_000, of: 1, memory: 48)
        let (manyFlaws, many) = try await Self.flaws(events: 100_000, of: 1, memory: 48)
        try requireFlawless(fewFlaws + manyFlaws)
        // Four times as many; with a cost that grows as their square it would be sixteen times.
        #expect(many < max(few * 10, .seconds(2)), "25,000 events took \(few), 100,000 took \(many)")
        #expect(many < .seconds(15), "it took \(many)")
    }

    @Test func `F43: control: the check finds fault with a stream that has no end`() async throws {
        let (flaws, _) = try await Self.flaws(events: 100, of: 1, memory: 48, marked: false)
        #expect(flaws.contains { $0.contains("bytes came of") }, "\(flaws)")
    }

    // MARK: F44

    /// What a provider repeats for ever, by name.
    private static let endless: [(name: String, begin: String, piece: String)] = [
        ("line", "data: ", "xxxxxxxxxxxxxxxx"), ("nothing", "", "yyyyyyyyyyyyyyyy"),
        ("comment", ": ", "zzzzzzzzzzzzzzzz"),
        ("data-lines", "", "data: x\n"), ("empty-data-lines", "", "data\n"), ("comment-lines", "", ": x\n"),
        ("field-lines", "", "id: 1\n"), ("cr-lines", "", "data: x\r"), ("crlf-lines", "", "data: x\r\n"),
        ("json-lines", "", "data: {\"choices\":[]},\n"),
    ]

    /// 64 MiB of it.
    private static func acts(_ name: String, begun: Bool) -> [Wall.Act] {
        guard let item = endless.first(where: { $0.name == name }) else { return [] }
        let block = String(repeating: item.piece, count: 65_536 / item.piece.utf8.count)
        let begin: [Wall.Act] = begun ? [.text(event("Hello")), .wait(.milliseconds(100))] : []
        return [.text(head + "\r\n")] + begin + [
            .text(item.begin), .flood(Array(block.utf8), times: 1024), .hang,
        ]
    }

    @Test(arguments: endless.map(\.name))
    func `F44: a line or an event without an end is given up in bounded memory`(name: String) async throws {
        let begun = Flag(),
            pair = try await Self.pair(["broken_streams: off"]) { _ in Self.acts(name, begun: begun.value) }
        _ = try await pair.chat("healthy")
        let before = pair.gateway.residentMegabytes
        for stream in [false, true] {
            let reply = try await pair.chat(stream: stream)
            try requireFlawless(reply.flaws(asAnswerOfFWithin: .milliseconds(2500)).of("stream \(stream)"))
            let why = try await pair.why(reply)
            #expect(why == "p/p-1 failed (api_failure, event_too_long); f answered", "\(why)")
        }
        begun.value = true
        try requireFlawless(
            try await pair.chat(stream: true).flaws(asBrokenStreamAfter: "Hello", within: .milliseconds(2500))
        )
        let growth = pair.gateway.residentMegabytes - before
        #expect(growth < 24, "it cost \(growth) MiB")
        let isLeft = try await eventually(.seconds(1)) {
            pair.primary.ledger.lines.allSatisfy { $0.closedAt != nil || $0.requests == 0 }
                || pair.connectionsToP <= 1
        }
        #expect(isLeft, "P still sends")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F44: control: an event of almost the longest length is delivered`() async throws {
        let text = String(repeating: "x", count: (1 << 20) - 200)
        let pair = try await Self.pair { _ in
            [.text(Self.head + "\r\n" + Self.event(text) + Self.end + Self.mark), .finish]
        }
        try requireFlawless(
            try await pair.chat(stream: true).flaws(asAnswerOf: "p", text, within: .seconds(3)))
    }
}
