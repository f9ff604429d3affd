import Foundation
import Testing
import Wall

/// Callers and providers that send too slowly, too much or never read (threats S23, S26, S27).
@Suite(.tags(.measuresTime)) struct Floods {
    @Test func `S23: thousands of callers that send a byte now and then are closed and hurt nobody`()
        async throws
    {
        let pair = try await Pair(places: Stage.shared.places) { Answer.good($0) }
        let before = pair.gateway.residentMegabytes
        let lines = try await withThrowingTaskGroup(of: Line.self) { tasks in
            for _ in 0..<3000 { tasks.addTask { try await Line.open(pair.gateway.port) } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        for line in lines { try? await line.send("P") }
        let begun = ContinuousClock.now
        var slowest = Duration.zero
        var good = 0
        while ContinuousClock.now - begun < .seconds(12), lines.contains(where: { !$0.reply.closed }) {
            let reply = try await pair.chat()
            if reply.status == 200 { good += 1 }
            slowest = max(slowest, reply.elapsed)
            if good % 100 == 50 { for line in lines { try? await line.send("O") } }
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(good > 100)
        #expect(slowest < .seconds(1), "a good caller waited \(slowest)")
        #expect(pair.gateway.residentMegabytes - before < 100)
        let areGone = try await eventually(.seconds(4)) { !lines.contains { !$0.reply.closed } }
        #expect(areGone, "\(lines.count { !$0.reply.closed }) slow callers are still connected")
        let told = lines.count { $0.reply.status == 408 }
        #expect(told > 2900, "\(told) were told why")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S23: a body that comes too slowly is refused`() async throws {
        let pair = try await Pair { Answer.good($0) }
        let line = try await Line.open(pair.gateway.port)
        try await line.send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"
        )
        let begun = ContinuousClock.now
        var reply = line.reply
        for _ in 0..<14 where !reply.closed {
            try? await line.send(" ")
            reply = await line.wait(.seconds(1)) { $0.closed }
        }
        #expect(reply.status == 408 && reply.closed)
        let elapsed = ContinuousClock.now - begun
        #expect(elapsed > .seconds(9))
        #expect(elapsed < .seconds(14))
        #expect(pair.callsToP.isEmpty)
    }

    private static let kilobytes = [UInt8](repeating: 0x61, count: 256 * 1024)

    @Test(arguments: [
        ("", 2048), ("data: ", 2048), (": ", 2048),
        ("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", 2048),
    ])
    func `S26: a line of a stream without an end is cut off, in bounded memory`(begin: String, times: Int)
        async throws
    {
        let pair = try await Pair(places: Stage.shared.places) { _ in
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
            return [.text(head + begin), .flood(Self.kilobytes, times: times), .finish]
        }
        let before = pair.gateway.residentMegabytes
        try requireFlawless(try await pair.chat(stream: true).flaws(asAnswerOfFWithin: .seconds(2)))
        #expect(pair.gateway.residentMegabytes - before < 16)
        #expect(pair.callsToP.count == 1)
        let isClosed = try await eventually(.seconds(2)) { pair.primary.ledger.openLines == 0 }
        #expect(isClosed, "the provider still sends")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S26: a line without an end after the answer began breaks it off`() async throws {
        let pair = try await Pair(
            places: Stage.shared.places, settings: { $0.lines = ["broken_streams: off"] }
        ) { _ in
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
            let first = "data: \(Answer.delta(#"{"content":"Hello"}"#))\n\ndata: "
            return [.text(head + first), .flood(Self.kilobytes, times: 2048), .finish]
        }
        let before = pair.gateway.residentMegabytes
        try requireFlawless(
            try await pair.chat(stream: true).flaws(asBrokenStreamAfter: "Hello", within: .seconds(2)))
        #expect(pair.gateway.residentMegabytes - before < 16)
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S26: an answer larger than the limit is given up`() async throws {
        let pair = try await Pair(
            places: Stage.shared.places, settings: { $0.provider += ", max_answer: 1MiB" }
        ) { _ in
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 536870912\r\n\r\n"
            return [.text(head), .flood(Self.kilobytes, times: 2048), .finish]
        }
        let before = pair.gateway.residentMegabytes
        try requireFlawless(try await pair.chat().flaws(asAnswerOfFWithin: .seconds(2)))
        #expect(pair.gateway.residentMegabytes - before < 16)
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S27: callers that never read hold their providers back and cost little memory`() async throws
    {
        let event = "data: \(Answer.delta(#"{"content":"\#(String(repeating: "x", count: 16_000))"}"#))\n\n"
        let pair = try await Pair(
            places: Stage.shared.places, settings: { $0.timeouts = "{ idle: 30s, total: 60s }" }
        ) { _ in
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
            return [.text(head), .flood(Array(event.utf8), times: 4000), .finish]
        }
        _ = try await pair.chat("healthy")
        let before = pair.gateway.residentMegabytes
        var lines: [Line] = []
        for _ in 0..<200 {
            let line = try await Line.open(pair.gateway.port)
            await line.setReading(false)
            try await line.send(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                    + "content-length: \(Client.chatBody(stream: true).utf8.count)\r\n\r\n\(Client.chatBody(stream: true))"
            )
            lines.append(line)
        }
        var worst = 0.0
        for _ in 0..<40 {
            try await Task.sleep(for: .milliseconds(200))
            worst = max(worst, pair.gateway.residentMegabytes - before)
        }
        #expect(worst < 100, "200 callers that do not read cost \(worst) MiB")
        #expect(pair.callsToP.count == 200)
        let reply = try await pair.chat("healthy")
        #expect(reply.status == 200)
        #expect(reply.elapsed < .seconds(1))
        for line in lines { await line.reset() }
        let areGone = try await eventually(.seconds(5)) { pair.primary.ledger.openLines <= 8 }
        #expect(areGone, "\(pair.primary.ledger.openLines) connections to the provider are left")
        try requireFlawless(try await pair.aftermath())
    }
}
