import Foundation
import Testing
import Wall

/// Faults of a provider before the first byte of its answer, from refused connections to slow heads.
@Suite(.tags(.measuresTime)) struct BeforeTheFirstByte {
    // MARK: F1

    @Test(arguments: [false, true])
    func `F1: a refused connection goes to the next provider at once`(stream: Bool) async throws {
        let pair = try await Pair { Answer.good($0) }
        try requireFlawless(try await Self.flawsOfF1(pair, stream))
    }

    static func flawsOfF1(_ pair: Pair, _ stream: Bool) async throws -> [String] {
        try await pair.primary.stop()
        var flaws = Flaws()
        let reply = try await pair.chat(stream: stream)
        flaws += reply.flaws(asAnswerOfFWithin: .seconds(1))
        flaws.expect(pair.callsToF.count == 1, "F was asked \(pair.callsToF.count) times")
        flaws.expect(try await pair.steps(reply, at: "p/p-1").count == 1, "P was tried again")
        let why = try await pair.why(reply)
        flaws.expect(why == "p/p-1 failed (system_error, refused); f answered", "it says: \(why)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    // MARK: F2

    @Test(arguments: [true, false], [false, true])
    func `F2: connections that nobody accepts are given up at their limit`(isFull: Bool, stream: Bool)
        async throws
    {
        let listener = try DeafListener(isFull: isFull)
        let pair = try await Pair(settings: { $0.primaryURL = "http://127.0.0.1:\(listener.port)/v1" }) { _ in
            []
        }
        try requireFlawless(try await Self.flawsOfF2(pair, stream, phase: isFull ? "connect" : "head"))
        _ = consume listener
    }

    static func flawsOfF2(_ pair: Pair, _ stream: Bool, phase: String) async throws -> [String] {
        var flaws = Flaws()
        let reply = try await pair.chat(stream: stream, limit: .seconds(6))
        flaws += reply.flaws(asAnswerOfFWithin: .seconds(2))
        flaws.expect(reply.elapsed > .milliseconds(900), "it did not wait for the limit: \(reply.elapsed)")
        let steps = try await pair.steps(reply, at: "p/p-1")
        flaws.expect(steps.count == 1, "P was tried \(steps.count) times")
        flaws.expect(
            steps.first?["phase"] as? String == phase,
            "it ended in the phase \(steps.first?["phase"] ?? "none")")
        flaws += try await pair.aftermath(within: .seconds(2))
        return flaws.texts
    }

    // MARK: F4, F5

    @Test(arguments: [false, true])
    func `F4: a connection that is reset when it is accepted is tried once more at most, then F answers`(
        stream: Bool
    )
        async throws
    {
        let pair = try await Pair(onConnect: { _ in [.reset] }) { Answer.good($0) }
        let reply = try await pair.chat(stream: stream)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(pair.primary.ledger.lines.count <= 2)
        #expect(pair.callsToF.count == 1)
        #expect(try await pair.steps(reply, at: "p/p-1").count == 1)
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [false, true], [[Wall.Act.reset], [.finish], [.wait(.milliseconds(50)), .reset]])
    func `F5: a request that is read and then answered with a close is not sent to P again`(
        stream: Bool, acts: [Wall.Act]
    )
        async throws
    {
        let pair = try await Pair { _ in acts }
        let reply = try await pair.chat(stream: stream)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(pair.callsToP.count == 1, "its outcome is unknown, so it must not be sent twice")
        #expect(pair.callsToF.count == 1)
        let why = try await pair.why(reply)
        #expect(
            why.contains("(transient, reset); f answered")
                || why.contains("(transient, closed_early); f answered"))
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: F6

    @Test(arguments: [false, true], [false, true])
    func `F6: a provider that never answers is given up at the head limit and asked once`(
        stream: Bool, reads: Bool
    )
        async throws
    {
        let pair = try await Pair(onConnect: { _ in reads ? nil : [.stopReading, .hang] }) { _ in [.hang] }
        try requireFlawless(try await Self.flawsOfF6(pair, stream))
        if reads { #expect(pair.callsToP.count == 1) }
    }

    static func flawsOfF6(_ pair: Pair, _ stream: Bool, more: String = "") async throws -> [String] {
        var flaws = Flaws()
        let reply = try await pair.chat(stream: stream, more: more, limit: .seconds(4))
        flaws += reply.flaws(asAnswerOfFWithin: .seconds(2))
        flaws.expect(try await pair.steps(reply, at: "p/p-1").count == 1, "P was asked more than once")
        flaws.expect(pair.primary.ledger.lines.count == 1, "there was more than one connection to P")
        // A provider that does not read cannot see that it was left; the system can.
        let isClosed = try await eventually(.seconds(1)) { pair.connectionsToP == 0 }
        flaws.expect(isClosed, "the connection to P was left open")
        let why = try await pair.why(reply)
        flaws.expect(why.contains("p/p-1 failed (timeout, timed_out); f answered"), "it says: \(why)")
        flaws += try await pair.aftermath(within: .seconds(2))
        return flaws.texts
    }

    @Test func `F6: a large request that is never read is given up as well`() async throws {
        let pair = try await Pair(onConnect: { _ in [.stopReading, .hang] }) { _ in [.hang] }
        // More than the system's buffers take, so that the request is still being written.
        let text = String(repeating: "a", count: 14 << 20)
        try requireFlawless(try await Self.flawsOfF6(pair, false, more: #","user":"\#(text)""#))
    }

    @Test func `F6: without settings a silent provider is given up after four seconds of a stream`()
        async throws
    {
        let pair = try await Pair(settings: { $0.timeouts = "{}" }) { _ in [.hang] }
        let reply = try await pair.chat(stream: true)
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(6)))
        #expect(pair.callsToP.count == 1)
    }

    // MARK: F7, F8

    /// Heads without bodies.
    private static let heads = [
        "HTTP/1.1 200\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n",
    ]

    @Test(arguments: [false, true], heads)
    func `F7: a head without a body is given up at the first-byte limit`(stream: Bool, head: String)
        async throws
    {
        let pair = try await Pair { _ in [.text(head), .hang] }
        try requireFlawless(try await Self.flawsOfF7(pair, stream))
    }

    static func flawsOfF7(_ pair: Pair, _ stream: Bool) async throws -> [String] {
        var flaws = Flaws()
        let reply = try await pair.chat(stream: stream, limit: .seconds(4))
        flaws += reply.flaws(asAnswerOfFWithin: .seconds(2))
        flaws.expect(pair.callsToP.count == 1, "P was asked \(pair.callsToP.count) times")
        flaws.expect(pair.primary.ledger.openLines == 0, "the connection to P was left open")
        let why = try await pair.why(reply)
        flaws.expect(why.contains("p/p-1 failed (timeout, timed_out); f answered"), "it says: \(why)")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    /// The acts that send a text byte by byte. A second between two bytes is 300 ms here: less than any limit.
    static func trickle(_ text: String) -> [Wall.Act] {
        text.utf8.flatMap { [.send([$0]), .wait(.milliseconds(300))] }
    }

    @Test(arguments: [false, true])
    func `F8: a head that comes byte by byte is given up at the limit for the whole head`(stream: Bool)
        async throws
    {
        let pair = try await Pair { _ in
            Self.trickle("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        }
        try requireFlawless(try await Self.flawsOfF7(pair, stream))
    }

    // MARK: F10

    /// What P does with the second request on a connection whose first it answered.
    private static let secondTimes: [[Wall.Act]] = [[.finish], [.reset]]

    @Test(arguments: [false, true], secondTimes)
    func `F10: a kept connection that closes on a request that was sent leads to F, not to a second sending`(
        stream: Bool, acts: [Wall.Act]
    ) async throws {
        let pair = try await Pair(settings: { $0.threads = 1 }) {
            $0.onConnection == 0 ? Answer.good($0) : acts
        }
        try requireFlawless(try await Self.flawsOfF10(pair, stream))
        #expect(pair.callsToP.map(\.user) == ["1", "2"])
    }

    static func flawsOfF10(_ pair: Pair, _ stream: Bool) async throws -> [String] {
        var flaws = Flaws()
        flaws += try await pair.chat(stream: stream, more: #","user":"1""#).flaws(
            asAnswerOfPWithin: .seconds(1))
        let reply = try await pair.chat(stream: stream, more: #","user":"2""#)
        flaws += reply.flaws(asAnswerOfFWithin: .seconds(1))
        flaws.expect(pair.primary.ledger.lines.count == 1, "the connection was not kept")
        flaws += try await pair.aftermath()
        return flaws.texts
    }

    @Test func `F10: a kept connection that has closed before the request is replaced and P answers`()
        async throws
    {
        let pair = try await Pair(settings: { $0.threads = 1 }) { Answer.good($0) + [.finish] }
        for _ in 0..<3 {
            try requireFlawless(try await pair.chat().flaws(asAnswerOfPWithin: .seconds(1)))
            #expect(try await eventually { pair.primary.ledger.openLines == 0 })
        }
        #expect(pair.primary.ledger.lines.count == 3)
        #expect(pair.callsToF.isEmpty)
    }

    @Test
    func `F10: whatever the moment at which P closes, each request is answered and none reaches P twice`()
        async throws
    {
        let pair = try await Pair(settings: { $0.threads = 1 }) { call in
            Answer.good(call) + [.wait(.microseconds(call.number * 37 % 1500)), .finish]
        }
        for number in 0..<60 {
            let reply = try await pair.chat(more: #","user":"\#(number)""#)
            #expect(reply.status == 200 && reply.isWellEnded)
            #expect(reply.answer == Pair.answerOfP || reply.answer == Pair.answerOfF)
        }
        let users = pair.callsToP.map(\.user)
        #expect(users.count == Set(users).count, "a request reached P twice")
        try requireFlawless(try await pair.aftermath())
    }
}
