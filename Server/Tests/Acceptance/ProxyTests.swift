import Foundation
import Testing
import Wall

/// Providers behind a proxy (HTTPS_PROXY), and providers that do not speak HTTP/1.1.
@Suite(.tags(.measuresTime)) struct Proxies {
    /// A gateway whose P is `provider.test`, a name that only the proxy knows.
    private static func pair(
        _ wall: Wall, _ conduct: TunnelProxy.Conduct = .open, user: String = "", exceptions: String = "",
        retry: String = "{ max_attempts: 2 }"
    ) async throws -> (Pair, TunnelProxy) {
        let authority = try TLS.Authority()
        let port = try await wall.start(certificate: authority.certificate("DNS:provider.test"))
        let proxy = try await TunnelProxy(to: port, conduct)
        let pair = try await Pair(settings: {
            $0.primaryURL = "https://provider.test/v1"
            $0.provider += ", ca_file: \"\(authority.path)\""
            $0.lines = ["retry: \(retry)"]
            $0.environment = [
                "HTTPS_PROXY": proxy.url.replacingOccurrences(of: "http://", with: "http://\(user)"),
                "NO_PROXY": exceptions,
            ]
        }) { _ in [] }
        return (pair, proxy)
    }

    @Test func `a provider behind a proxy is reached through a tunnel, and its certificate is checked`()
        async throws
    {
        let wall = Wall { Answer.good($0) }
        let (pair, proxy) = try await Self.pair(wall, user: "user:pa%24s@")
        for stream in [false, true, false] {
            try requireFlawless(try await pair.chat(stream: stream).flaws(asAnswerOfPWithin: .seconds(2)))
        }
        let expected =
            "CONNECT provider.test:443 HTTP/1.1\r\nhost: provider.test:443\r\n"
            + "proxy-authorization: Basic dXNlcjpwYSRz\r\n\r\n"
        #expect(Set(proxy.requests) == [expected])
        // The key goes through the tunnel, not to the proxy; F is not secure and is reached directly.
        #expect(wall.ledger.calls.allSatisfy { $0.head.contains("Bearer sk-wall-primary") })
        try requireFlawless(try await pair.aftermath())
        #expect(!pair.gateway.standardError.contains("pa$s"))
    }

    @Test(arguments: [
        ("status 407", "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"),
        ("status 503", "HTTP/1.1 503 Busy\r\n\r\n"), ("no answer to CONNECT", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        ("no answer to CONNECT", String(repeating: "x", count: 20_000)),
    ])
    func `a proxy that lets nothing through leads to F`(words: String, answer: String) async throws {
        let (pair, proxy) = try await Self.pair(Wall { Answer.good($0) }, .say(answer))
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
        #expect(try await pair.why(reply) == "p/p-1 failed (system_error, proxy); f answered", "\(words)")
        #expect(proxy.requests.count == 1)
        try requireFlawless(try await pair.aftermath())
    }

    @Test func `a proxy that says nothing costs the limit for connecting`() async throws {
        let (pair, proxy) = try await Self.pair(Wall { Answer.good($0) }, .hang)
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(2)))
        #expect(reply.elapsed > .milliseconds(900))
        #expect(proxy.requests.count == 1)
        // A healthy call tries P first as well.
        try requireFlawless(try await pair.aftermath(within: .seconds(2)))
    }

    @Test func `what NO_PROXY names is not sent to the proxy`() async throws {
        let (pair, proxy) = try await Self.pair(Wall { Answer.good($0) }, exceptions: ".test")
        let reply = try await pair.chat()
        try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(3)))
        #expect(try await pair.why(reply).contains("unknown_host"))
        #expect(proxy.requests.isEmpty)
    }

    @Test func `a proxy that cannot be used is told at the start, without its password`() async throws {
        let result = try await Command.run(
            ["serve", "--port", "0", "--demo"], environment: ["HTTPS_PROXY": "https://u:secret@proxy:3128"])
        #expect(result.status == 1 && !result.output.contains("secret"))
        #expect(result.output.hasPrefix("HTTPS_PROXY: "), "\(result.output)")
    }

    // MARK: HTTP/2

    @Test func `F49: a provider that answers with frames of HTTP/2 is told as such, and F answers`()
        async throws
    {
        // SETTINGS with one setting, then GOAWAY.
        let frames: [UInt8] =
            [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100] + [0, 0, 8, 7, 0, 0, 0, 0, 0]
            + Array(repeating: 0, count: 8)
        for acts in [[Wall.Act.send(frames), .finish], [.send(frames), .hang]] {
            let pair = try await Pair { _ in acts }
            for stream in [false, true] {
                let reply = try await pair.chat(stream: stream)
                try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
                let why = try await pair.why(reply)
                #expect(why.contains("(system_error, only_http2)"), "\(why)")
            }
            try requireFlawless(try await pair.aftermath())
        }
    }

    @Test func `F49: a provider whose TLS offers only HTTP/2 is told as such, and F answers`() async throws {
        let authority = try TLS.Authority(), certificate = try authority.certificate("IP:127.0.0.1")
        let port = try FreePort.find()
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        server.arguments =
            "openssl s_server -quiet -alpn h2 -accept \(port) -cert \(certificate.chain) -key \(certificate.key)"
            .split(separator: " ").map(String.init)
        server.standardInput = Pipe()
        server.standardOutput = FileHandle.nullDevice
        server.standardError = FileHandle.nullDevice
        try server.startAlone()
        defer { server.terminate() }
        let pair = try await Pair(settings: {
            $0.primaryURL = "https://127.0.0.1:\(port)/v1"
            $0.provider += ", ca_file: \"\(authority.path)\""
            $0.lines = [
                "retry: { max_attempts: 2 }", "breaker: { minimum_calls: 1000, consecutive_failures: 0 }",
            ]
        }) { _ in [] }
        var why = ""
        // Until the server listens, it refuses.
        #expect(
            try await eventually {
                let reply = try await pair.chat()
                try requireFlawless(reply.flaws(asAnswerOfFWithin: .seconds(1)))
                why = try await pair.why(reply)
                return why.contains("(system_error, only_http2)")
            }, "\(why)")
    }
}
