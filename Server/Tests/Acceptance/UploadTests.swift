import Foundation
import Testing
import Wall

/// Callers that send slowly or in pieces (F55), send ahead (F58), or do not read (F54).
@Suite(.tags(.measuresTime)) struct Uploads {
    private static func head(_ fields: String) -> String {
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\(fields)\r\n"
    }

    private static func request(_ body: String, _ fields: String = "") -> String {
        head("content-length: \(body.utf8.count)\r\n" + fields) + body
    }

    private static func echoing(_ change: (inout Pair.Settings) -> Void = { _ in }) async throws -> Pair {
        try await Pair(settings: change) { Answer.good($0, "Hello \($0.user)") }
    }

    // MARK: F55

    /// Sends a byte each second until the connection is closed.
    private static func drip(_ pair: Pair, _ begin: String, _ piece: String) async throws -> [String] {
        let line = try await Line.open(pair.gateway.port)
        try await line.send(begin)
        let begun = ContinuousClock.now
        for _ in 0..<15 where !line.reply.closed {
            try? await line.send(piece)
            await line.wait(.seconds(1)) { $0.closed }
        }
        var flaws = Flaws()
        let reply = line.reply, took = ContinuousClock.now - begun
        flaws.expect(reply.status == 408 && reply.closed, "the status is \(reply.status)")
        flaws.expect(took > .seconds(9) && took < .seconds(14), "it was closed after \(took)")
        await line.close()
        return flaws.texts
    }

    @Test func `F55: a body that comes at a byte a second is refused after ten seconds, in whatever framing`()
        async throws
    {
        let pair = try await Self.echoing()
        async let plain = Self.drip(pair, Self.head("content-length: 100000\r\n") + "{", " ")
        async let chunked = Self.drip(
            pair, Self.head("transfer-encoding: chunked\r\n") + "1\r\n{\r\n", "1\r\n \r\n")
        async let extended = Self.drip(pair, Self.head("transfer-encoding: chunked\r\n") + "1;", "x")
        try requireFlawless(try await plain.of("length"))
        try requireFlawless(try await chunked.of("chunks"))
        try requireFlawless(try await extended.of("extension"))
        #expect(pair.callsToP.isEmpty)
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F55: a chunked body without end is refused at the limit of a body`() async throws {
        let pair = try await Self.echoing { $0.server = "max_body: 64KiB" }
        for piece in [String(repeating: " ", count: 4096), " "] {
            let line = try await Line.open(pair.gateway.port)
            try await line.send(Self.head("transfer-encoding: chunked\r\n"))
            let chunk = "\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n"
            let block = String(repeating: chunk, count: 16_384 / piece.utf8.count)
            for _ in 0..<40 where line.reply.status == 0 { try? await line.send(block) }
            let reply = await line.wait(.seconds(4)) { $0.closed }
            try requireFlawless(reply.flawsOfRefusal(413, "request_too_large"))
            await line.close()
        }
        #expect(pair.callsToP.isEmpty)
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F55: a caller that asks whether to go on is told to, and answered`() async throws {
        let pair = try await Self.echoing { $0.server = "max_body: 64KiB" }
        for stream in [false, true] {
            let body = Client.chatBody(stream: stream, more: #","user":"a""#)
            let line = try await Line.open(pair.gateway.port)
            try await line.send(
                Self.head(
                    "content-length: \(body.utf8.count)\r\nexpect: 100-continue\r\nconnection: close\r\n"))
            let told = await line.wait(.seconds(1)) { !$0.raw.isEmpty }
            #expect(told.text == "HTTP/1.1 100 Continue\r\n\r\n")
            try await line.send(body)
            let reply = await line.wait(.seconds(2)) { $0.closed }
            try requireFlawless(reply.flaws(asAnswerOf: "p", "Hello a", within: .seconds(1)))
            #expect(reply.text.components(separatedBy: "HTTP/1.1 ").count == 3)
        }
        // Who does not wait is not told.
        let body = Client.chatBody(more: #","user":"a""#)
        let eager = Self.request(body, "expect: 100-continue\r\nconnection: close\r\n")
        let reply = try await Client.send(pair.gateway.port, Array(eager.utf8))
        try requireFlawless(reply.flaws(asAnswerOf: "p", "Hello a", within: .seconds(1)))
        #expect(!reply.text.contains("100 Continue"))
        // Who would send too much is told so at once.
        let large = Self.head("content-length: 100000\r\nexpect: 100-continue\r\n")
        let refusal = try await Client.send(pair.gateway.port, Array(large.utf8), limit: .seconds(4))
        try requireFlawless(refusal.flawsOfRefusal(413, "request_too_large"))
        #expect(!refusal.text.contains("100 Continue"))
        try requireFlawless(try await pair.aftermath())
    }

    @Test(arguments: [1, 7, 1000])
    func `F55: a body in proper chunks is served like any other`(size: Int) async throws {
        let pair = try await Self.echoing()
        let body = Client.chatBody(more: #","user":"grün 🦊""#), bytes = Array(body.utf8)
        var message = Array(Self.head("transfer-encoding: chunked\r\nconnection: close\r\n").utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            let part = bytes[start..<min(start + size, bytes.count)]
            message +=
                Array("\(String(part.count, radix: 16, uppercase: true));name=\"value\"\r\n".utf8) + part
            message += [0x0D, 0x0A]
        }
        message += Array("000\r\nx-trailer: 1\r\n\r\n".utf8)
        let line = try await Line.open(pair.gateway.port)
        for start in stride(from: 0, to: message.count, by: 97) {
            try await line.send(Array(message[start..<min(start + 97, message.count)]))
        }
        let reply = await line.wait(.seconds(2)) { $0.closed }
        try requireFlawless(reply.flaws(asAnswerOf: "p", "Hello grün 🦊", within: .seconds(2)))
        let sent = try #require(pair.callsToP.first)
        #expect(sent.body == body.replacingOccurrences(of: #""model":"chat""#, with: #""model":"p-1""#))
        #expect(sent.field("transfer-encoding") == nil && sent.field("content-length") != nil)
        try requireFlawless(try await pair.aftermath())
    }

    // MARK: F58

    @Test func `F58: requests that are sent ahead are answered in order, streams among them`() async throws {
        let pair = try await Pair { call in
            // The earlier ones take longer.
            [.wait(.milliseconds(call.user == "0" ? 300 : 20))] + Answer.good(call, "Hello \(call.user)")
        }
        let requests = (0..<6).map { number in
            Self.request(
                Client.chatBody(stream: number % 3 == 0, more: #","user":"\#(number)""#),
                number == 5 ? "connection: close\r\n" : "")
        }
        let ahead =
            requests.prefix(5) + ["GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"] + requests.suffix(1)
        try requireFlawless(try await Self.flawsOfOrder(pair, ahead.joined()))
        let arrivals = pair.callsToP.map(\.user)
        #expect(arrivals == (0..<6).map { "\($0)" })
        try requireFlawless(try await pair.aftermath())
    }

    static func flawsOfOrder(_ pair: Pair, _ text: String) async throws -> [String] {
        let line = try await Line.open(pair.gateway.port)
        try await line.send(text)
        let reply = await line.wait(.seconds(5)) { $0.closed }
        await line.close()
        var flaws = Flaws()
        let answers = reply.text.components(separatedBy: "HTTP/1.1 200 OK\r\n").dropFirst().map {
            Client.Reply(raw: Array("HTTP/1.1 200 OK\r\n\($0)".utf8))
        }
        flaws.expect(answers.count == 7, "there are \(answers.count) answers")
        flaws.expect(answers.allSatisfy(\.isWellEnded), "an answer has no proper end")
        let texts = answers.filter { $0.field("x-holdfast-provider") != nil }.map(\.answer)
        flaws.expect(texts == (0..<6).map { "Hello \($0)" }, "the order is \(texts)")
        flaws.expect(
            answers.map(\.isStream) == [true, false, false, true, false, false, false], "the forms differ")
        return flaws.texts
    }

    @Test func `F58: control: the check finds fault when two requests change places`() async throws {
        let pair = try await Self.echoing()
        let text = [1, 0, 2, 3, 4, 5].map { number in
            Self.request(
                Client.chatBody(more: #","user":"\#(number)""#), number == 5 ? "connection: close\r\n" : "")
        }.joined()
        let flaws = try await Self.flawsOfOrder(pair, text)
        #expect(flaws.contains { $0.hasPrefix("the order is") })
        #expect(flaws.contains { $0.hasPrefix("there are 6 answers") })
    }

    @Test func `F58: after a stream that broke off, what was sent ahead is answered in order`() async throws {
        let pair = try await Pair(settings: { $0.lines = ["broken_streams: off"] }) { call in
            guard call.streams else { return Answer.good(call) }
            return [Answer.streamHead, Answer.role()] + Answer.words(["Half"]) + [
                .wait(.milliseconds(50)), .reset,
            ]
        }
        let text =
            Self.request(Client.chatBody(stream: true))
            + Self.request(Client.chatBody(), "connection: close\r\n")
        let reply = try await Client.send(pair.gateway.port, Array(text.utf8))
        let answers = reply.text.components(separatedBy: "HTTP/1.1 200 OK\r\n").dropFirst().map {
            Client.Reply(raw: Array("HTTP/1.1 200 OK\r\n\($0)".utf8))
        }
        #expect(answers.count == 2)
        try requireFlawless(answers.first?.flaws(asBrokenStreamAfter: "Half") ?? [])
        try requireFlawless(answers.last?.flaws(asAnswerOfPWithin: .seconds(1)) ?? [])
    }

    /// What is wrong with what follows a body that is too large, in which another request is hidden.
    static func flawsOf413(_ pair: Pair, _ framing: String) async throws -> [String] {
        let hidden = request(Client.chatBody(more: #","user":"hidden""#))
        let filler = String(repeating: " ", count: 100_000), body = filler + hidden
        let size = String(body.utf8.count, radix: 16)
        let text =
            framing == "length"
            ? request(body) : head("transfer-encoding: chunked\r\n") + "\(size)\r\n\(body)\r\n0\r\n\r\n"
        let line = try await Line.open(pair.gateway.port)
        try? await line.send(text)
        await line.wait(.seconds(1)) { $0.status != 0 }
        try? await line.send(request(Client.chatBody(more: #","user":"next""#)))
        let reply = await line.wait(.seconds(4)) { $0.closed }
        await line.close()
        var flaws = Flaws()
        flaws += reply.flawsOfRefusal(413, "request_too_large")
        flaws.expect(
            reply.text.components(separatedBy: "HTTP/1.1 ").count == 2, "there is more: \(reply.text)")
        flaws.expect(pair.callsToP.isEmpty, "P was asked by \(pair.callsToP.map(\.user))")
        return flaws.texts
    }

    @Test(arguments: ["length", "chunks"])
    func
        `F58: after a body that is too large the connection is closed and nothing on it is taken for a request`(
            framing: String
        ) async throws
    {
        let pair = try await Self.echoing { $0.server = "max_body: 64KiB" }
        try requireFlawless(try await Self.flawsOf413(pair, framing))
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `F58: control: with a larger limit the check finds fault`() async throws {
        let flaws = try await Self.flawsOf413(Self.echoing(), "length")
        #expect(flaws.contains { $0.hasPrefix("P was asked by [\"next\"]") }, "\(flaws)")
    }

    @Test func `F58: after a request that was refused with its body read the next one is answered`()
        async throws
    {
        let pair = try await Self.echoing()
        let text =
            Self.request(Client.chatBody("unknown")) + Self.request("{")
            + Self.request(
                Client.chatBody(more: #","user":"a""#), "connection: close\r\n")
        let reply = try await Client.send(pair.gateway.port, Array(text.utf8))
        let statuses = reply.text.matches(of: #/HTTP\/1\.1 (\d+)/#).map { String($0.1) }
        #expect(statuses == ["404", "400", "200"] && reply.text.contains("Hello a"))
        #expect(pair.callsToP.count == 1)
    }

    // MARK: F54

    /// The end of a caller that never reads at all comes after a minute and is tested at the front itself.
    @Test func `F54: a caller that does not read for a while holds P back, costs little, and loses nothing`()
        async throws
    {
        let count = 2000
        let event = "data: \(Answer.delta(#"{"content":"\#(String(repeating: "x", count: 16_000))"}"#))\n\n"
        let end = "data: \(Answer.delta("{}", finish: #""stop""#))\n\ndata: [DONE]\n\n"
        let pair = try await Pair(places: Stage.shared.places) { _ in
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
            return [.text(head), .flood(Array(event.utf8), times: count), .text(end), .finish]
        }
        _ = try await pair.chat("healthy")
        let before = pair.gateway.residentMegabytes
        let line = try await Line.open(pair.gateway.port)
        await line.setReading(false)
        try await line.send(Self.request(Client.chatBody(stream: true), "connection: close\r\n"))
        // Longer than the limit between two tokens: it is not P that is slow.
        try await Task.sleep(for: .milliseconds(2500))
        #expect(
            pair.primary.ledger.lines.contains { $0.requests > 0 && $0.closedAt == nil },
            "P was not held back")
        let growth = pair.gateway.residentMegabytes - before
        #expect(growth < 16, "it cost \(growth) MiB")
        await line.setReading(true)
        let reply = await line.wait(.seconds(10)) { $0.closed }
        #expect(reply.body == String(repeating: event, count: count) + end, "not all of it came")
        #expect(pair.callsToF.isEmpty)
        try requireFlawless(try await pair.aftermath())
    }
}

extension Client.Reply {
    /// What is wrong with it as a refusal of the front, which ends the connection.
    func flawsOfRefusal(_ status: Int, _ code: String) -> [String] {
        var flaws = Flaws()
        flaws.expect(self.status == status, "the status is \(self.status): \(body.prefix(200))")
        flaws.expect(errorCode == code, "the code is \(errorCode ?? "none")")
        flaws.expect(isWellEnded && closed, "the connection was not closed")
        return flaws.texts
    }
}
