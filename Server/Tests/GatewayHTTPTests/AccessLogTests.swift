import Gateway
import Logging
import NIOCore
import Synchronization
import Testing

@testable import GatewayHTTP

/// The lines about requests.
@Suite struct AccessLogTests {
    private final class Lines: Sendable {
        private let kept = Mutex<[[String: String]]>([])
        var all: [[String: String]] { kept.withLock { $0 } }
        func add(_ line: [String: String]) { kept.withLock { $0.append(line) } }
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]
        var metadataProvider: Logger.MetadataProvider?

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines.add((event.metadata ?? [:]).mapValues { "\($0)" }) }
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
        let lines = Lines(), handler = Handler(lines: lines)
        let settings = FrontSettings(
            port: 0, headTime: .milliseconds(500), bodyTime: .milliseconds(500))
        try await FrontStage.run([Self.entry], settings, accessLog: Logger(label: "access") { _ in handler })
        {
            port in
            for (request, expected) in Self.refused {
                let before = lines.all.count, caller = try await FrontCaller(port)
                try? await caller.send(request)
                #expect(try await FrontStage.until { caller.isClosed })
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
        let lines = Lines(), handler = Handler(lines: lines)
        try await FrontStage.run([Self.entry], accessLog: Logger(label: "access") { _ in handler }) { port in
            let caller = try await FrontCaller(port)
            try await caller.send(
                "POST /taken HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
                    + "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            #expect(try await FrontStage.until { caller.isClosed })
            #expect(lines.all.map { $0["status"] } == ["200"] && lines.all.allSatisfy { $0["code"] == nil })
        }
    }
}
