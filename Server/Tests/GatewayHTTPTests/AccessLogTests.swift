import Foundation
import Gateway
import NIOCore
import Synchronization
import Testing

@testable import GatewayHTTP

/// The lines about requests.
@Suite struct AccessLogTests {
    /// The lines that were handed over, each with its members.
    private final class Lines: Sendable {
        private let kept = Mutex<[[String: String]]>([])
        private let handOvers = Atomic(0)
        var all: [[String: String]] { kept.withLock { $0 } }
        var timesHandedOver: Int { handOvers.load(ordering: .relaxed) }

        var outlet: AccessLogOutlet {
            AccessLogOutlet(.json, wallClock: { 1_795_200_000_007 }) { bytes, count in
                self.handOvers.wrappingAdd(1, ordering: .relaxed)
                let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { line in
                    (try? JSONDecoder().decode([String: String].self, from: Data(line.utf8))) ?? [:]
                }
                #expect(lines.count == count && bytes.last == 0x0A)
                self.kept.withLock { $0 += lines }
            }
        }
    }

    private static let entry = RouteTable.Entry(
        "POST", .exactly("/taken"), .open, maximumBody: 100, mediaTypes: ["application/json"]
    ) { exchange in
        try? await exchange.reply.send(ReplyHead(200), ByteBuffer())
    }

    /// A request and the line about it: method, path, status, code.
    private static let refused: [(String, [String?])] = [
        ("GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n", ["GET", "/nothing", "404", "unknown_url"]),
        ("GET /taken HTTP/1.1\r\nhost: evil.example\r\n\r\n", ["GET", "/taken", "421", "unknown_host"]),
        (
            "POST /taken HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n\r\n",
            ["POST", "/taken", "403", "forbidden_origin"]
        ),
        (
            "POST /taken HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}",
            ["POST", "/taken", "415", "unsupported_media_type"]
        ),
        (
            "POST /taken HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200\r\n\r\n",
            ["POST", "/taken", "413", "request_too_large"]
        ),
        (
            "POST /taken HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                + "transfer-encoding: chunked\r\n\r\n65\r\n\(String(repeating: " ", count: 101))\r\n",
            ["POST", "/taken", "413", "request_too_large"]
        ), ("nonsense\r\n\r\n", [nil, nil, "400", "bad_request"]),
        (
            "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\n",
            [nil, nil, "431", "head_too_large"]
        ), ("GET / HTTP/1.1\r\nhost:", [nil, nil, "408", "head_timeout"]),
        (
            "POST /taken HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                + "content-length: 9\r\n\r\n{}", ["POST", "/taken", "408", "body_timeout"]
        ),
    ]

    @Test func `what the front refuses by itself has a line like other requests`() async throws {
        let lines = Lines()
        let settings = FrontSettings(
            port: 0, headTime: .milliseconds(500), bodyTime: .milliseconds(500))
        try await FrontStage.run([Self.entry], settings, accessLog: lines.outlet) { port in
            for (request, expected) in Self.refused {
                let before = lines.all.count, caller = try await FrontCaller(port)
                try? await caller.send(request)
                #expect(try await FrontStage.until { caller.isClosed && lines.all.count > before })
                let new = lines.all.dropFirst(before)
                #expect(new.count == 1, "\(expected): \(new)")
                guard let line = new.first else { continue }
                #expect(
                    [line["method"], line["path"], line["status"], line["code"]] == expected, "\(line)")
                #expect(line["from"] == "127.0.0.1" && line["ms"] != nil && line["bytes"] != "0", "\(line)")
                #expect(line["id"].map { caller.received.contains($0) } ?? false, "\(line)")
            }
        }
    }

    @Test func `a request that is served has one line without a code`() async throws {
        let lines = Lines()
        try await FrontStage.run([Self.entry], accessLog: lines.outlet) { port in
            let caller = try await FrontCaller(port)
            try await caller.send(
                "POST /taken HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
                    + "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            #expect(try await FrontStage.until { caller.isClosed && !lines.all.isEmpty })
            #expect(lines.all.map { $0["status"] } == ["200"] && lines.all.allSatisfy { $0["code"] == nil })
        }
    }

    @Test
    func `lines of many requests are handed over together, and at the end of the front none is missing`()
        async throws
    {
        let lines = Lines(), requests = 300
        try await FrontStage.run([Self.entry], accessLog: lines.outlet) { port in
            let caller = try await FrontCaller(port)
            let request =
                "POST /taken HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                + "content-length: 2\r\n\r\n{}"
            try await caller.send(String(repeating: request, count: requests))
            #expect(
                try await FrontStage.until { caller.received.ranges(of: "200 OK").count == requests })
        }
        #expect(lines.all.count == requests && lines.timesHandedOver < requests / 4)
        #expect(Set(lines.all.map { $0["id"] }).count == requests)
        #expect(lines.all.allSatisfy { $0["time"] == "2026-11-20T18:40:00.007Z" }, "\(lines.all[0])")
    }

    @Test func `a request that the end of the front cuts off has its line`() async throws {
        let lines = Lines()
        let endless = RouteTable.Entry("GET", .exactly("/endless"), .open) { exchange in
            try? await exchange.reply.begin(ReplyHead(200))
            try? await exchange.reply.write(ByteBuffer(string: "begun"))
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
        }
        try await FrontStage.run([endless], accessLog: lines.outlet) { port in
            let caller = try await FrontCaller(port)
            try await caller.send("GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n")
            #expect(try await FrontStage.until { caller.received.contains("begun") })
        }
        #expect(lines.all.map { $0["path"] } == ["/endless"])
    }
}
