import Foundation
import Testing
import Wall

/// Bodies of which only a part is sent, to hold memory and lock others out (threats S23 and S24).
@Suite(.tags(.measuresTime)) struct HalfSentBodies {
    private static let large = String(repeating: " ", count: 19 << 20)

    private static func head(_ key: String = "none") -> String {
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            + "x-api-key: \(key)\r\ncontent-length: \(20 << 20)\r\n\r\n"
    }

    /// Sends most of thirteen bodies, more than there is room for, and waits until some are refused.
    private static func occupy(_ port: Int, from address: String?, key: String = "none") async throws
        -> [Line]
    {
        var lines: [Line] = []
        for _ in 0..<13 {
            let line = try await Line.open(port, from: address)
            // Those that are refused are closed while they still send.
            try? await line.send(head(key) + large)
            lines.append(line)
        }
        let held = lines
        #expect(try await eventually { held.contains { $0.reply.errorCode == "too_many_bodies" } })
        #expect(held.count { $0.reply.status == 0 } >= 6, "not even half of the memory was given out")
        return lines
    }

    /// Sends ever smaller parts of bodies until there is no room for the smallest that counts.
    private static func fill(_ port: Int, from address: String) async throws -> [Line] {
        var lines: [Line] = []
        for size in [1 << 20, 64 << 10, 20 << 10] {
            for _ in 0..<40 {
                let line = try await Line.open(port, from: address)
                try? await line.send(head() + String(repeating: " ", count: size))
                lines.append(line)
                if await line.wait(.milliseconds(100), until: { $0.status != 0 }).status == 503 { break }
            }
            #expect(lines.last?.reply.status == 503, "there is still room for \(size) bytes")
        }
        return lines
    }

    private static func filler(_ size: Int) -> String {
        #","metadata":{"a":"\#(String(repeating: "x", count: size))"}"#
    }

    @Test
    func `S24: half-sent bodies from one address leave room for others, and for small requests of its own`()
        async throws
    {
        let pair = try await Pair(places: Stage.shared.places) { Answer.good($0) }
        var lines = try await Self.occupy(pair.gateway.port, from: "127.0.0.2")
        let refused = try #require(lines.first { $0.reply.status == 503 }).reply
        #expect(
            refused.field("retry-after") == "1" && refused.errorMessage?.contains("your address") ?? false)
        #expect(try await pair.chat(more: Self.filler(15 << 20)).status == 200)
        lines += try await Self.fill(pair.gateway.port, from: "127.0.0.2")
        let small = try await Line.open(pair.gateway.port, from: "127.0.0.2")
        let body = Client.chatBody(more: Self.filler(15 << 10))
        try await small.send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(await small.wait(.seconds(3)) { $0.status != 0 }.status == 200)
        for line in lines { await line.reset() }
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S24: half-sent bodies with one key leave room for other keys at the same address`()
        async throws
    {
        let pair = try await Pair(
            places: Stage.shared.places,
            settings: {
                $0.authorization =
                    "keys: [ { name: one, key: \(Door.callersKey) }, { name: two, key: \(Door.otherCallersKey) } ]"
            }
        ) { Answer.good($0) }
        let lines = try await Self.occupy(pair.gateway.port, from: nil, key: Door.callersKey)
        let refused = try #require(lines.first { $0.reply.status == 503 }).reply
        #expect(refused.errorMessage?.contains("your key") ?? false)
        let body = Client.chatBody(more: Self.filler(15 << 20))
        let reply = try await Client.post(
            pair.gateway.port, "/v1/chat/completions", body, fields: ["x-api-key: \(Door.otherCallersKey)"])
        #expect(reply.status == 200, "\(reply.body)")
        for line in lines { await line.reset() }
    }

    @Test func `S23: what was sent at once buys no silence`() async throws {
        let pair = try await Pair { Answer.good($0) }
        let line = try await Line.open(pair.gateway.port)
        try await line.send(Self.head() + Self.large)
        let begun = ContinuousClock.now
        let reply = await line.wait(.seconds(20)) { $0.closed }
        let took = ContinuousClock.now - begun
        try requireFlawless(reply.flawsOfRefusal(408, "body_timeout"))
        #expect(took > .seconds(9), "it was closed after \(took)")
        #expect(took < .seconds(14), "it was closed after \(took)")
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `S23: a body that never ends is refused when its time is over, however fast it comes`()
        async throws
    {
        let pair = try await Pair(settings: { $0.server = "body_time: 2s" }) { Answer.good($0) }
        let line = try await Line.open(pair.gateway.port)
        try await line.send(Self.head())
        let begun = ContinuousClock.now
        while !line.reply.closed, ContinuousClock.now - begun < .seconds(8) {
            try? await line.send(String(repeating: " ", count: 16 << 10))
            await line.wait(.milliseconds(100)) { $0.closed }
        }
        let took = ContinuousClock.now - begun
        try requireFlawless(line.reply.flawsOfRefusal(408, "body_timeout"))
        #expect(line.reply.errorMessage?.contains("server.body_time") ?? false)
        #expect(took > .milliseconds(1900), "it was closed after \(took)")
        #expect(took < .seconds(5), "it was closed after \(took)")
        try requireFlawless(try await pair.aftermath())
    }
}
