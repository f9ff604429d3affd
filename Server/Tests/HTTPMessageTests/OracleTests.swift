import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import HTTPMessage

/// Compares the reader with NIO's, which is built on llhttp, over seeded variations of requests: what both accept must
/// be the same request, and what NIO refuses must be refused here too. NIO knows a list of methods; here any token is one,
/// and the routes refuse it, so a variation of the method itself is left out.
@Suite struct OracleTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    private static let seeds = [
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nhello",
        "GET /livez?x=y HTTP/1.1\r\nHost: localhost:80\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        "POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ]
    private static let words = [
        "\r\n", "\n", "\r", " ", "\t", ":", "0", "content-length: 3\r\n", "transfer-encoding: chunked\r\n",
        "\u{0}", ",", ";a=b",
    ]

    @Test func `it accepts nothing that NIO refuses, and reads what both accept in the same way`() {
        var random = Random(state: 20_261_120), both = 0, onlyTheirs = 0
        for round in 0..<6000 {
            let bytes = mutate(Array(Self.seeds[round % Self.seeds.count].utf8), &random)
            guard bytes.starts(with: "POST ".utf8) || bytes.starts(with: "GET ".utf8) else { continue }
            let ours = Self.ours(bytes), theirs = Self.theirs(bytes)
            if let ours {
                guard let theirs else {
                    Issue.record(
                        "only ours accepts \(String(decoding: bytes, as: UTF8.self).debugDescription)")
                    continue
                }
                #expect(ours == theirs, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
                both += 1
            } else if theirs != nil {
                onlyTheirs += 1
            }
        }
        #expect(both > 500, "the variations are too wild to compare anything")
        print("oracle: \(both) accepted by both, \(onlyTheirs) only by NIO")
    }

    private func mutate(_ bytes: [UInt8], _ random: inout Random) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            case 2:
                bytes.insert(
                    contentsOf: Self.words.randomElement(using: &random)?.utf8.map { $0 } ?? [], at: index)
            default: bytes.insert(bytes[index], at: index)
            }
        }
        return bytes
    }

    private struct Message: Equatable {
        var method: String
        var target: String
        var body: String
    }

    private static func ours(_ bytes: [UInt8]) -> Message? {
        var parser = RequestParser(), input = ByteBuffer(bytes: bytes), body = ByteBuffer()
        guard let head = try? parser.readHead(&input), (try? parser.readBody(&input, into: &body)) == true
        else { return nil }
        let target = head.query.isEmpty ? head.path : "\(head.path)?\(head.query)"
        return Message(method: head.method, target: target, body: String(buffer: body))
    }

    private static func theirs(_ bytes: [UInt8]) -> Message? {
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder()))
        defer { _ = try? channel.finish() }
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        guard case .head(let head)? = try? channel.readInbound(as: HTTPServerRequestPart.self) else {
            return nil
        }
        var message = Message(method: head.method.rawValue, target: head.uri, body: "")
        while let part = try? channel.readInbound(as: HTTPServerRequestPart.self) {
            switch part {
            case .body(let body): message.body += String(buffer: body)
            case .end: return message
            case .head: return nil
            }
        }
        return nil
    }
}
