import Foundation
import Testing
import Wall

/// Requests near the limit for a body, made of what is slowest to read. The debug binary needs seconds for one.
@Suite(.tags(.measuresTime)) struct LargeRequests {
    private static let configuration = """
        server: { threads: 1 }
        logging: { level: warning, access: false }
        providers:
          a: { kind: simulated }
        models:
          demo: { targets: [ { provider: a, model: a-1 } ] }
        """

    /// A request whose text is made of escapes.
    private static func escapes(_ bytes: Int, end: String = "") -> [UInt8] {
        let text = String(repeating: #"\u0041"#, count: bytes / 6)
        let body = #"{"model":"demo","messages":[{"role":"user","content":"\#(text)\#(end)"}]}"#
        let head =
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            + "connection: close\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
        return Array((head + body).utf8)
    }

    /// Sends a request several times at once. Sending keeps this process busy, so the last bytes are sent when all others
    /// have left.
    private static func send(_ request: [UInt8], _ times: Int, to gateway: GatewayProcess) async throws
        -> [Line]
    {
        var lines: [Line] = []
        for _ in 0..<times {
            let line = try await Line.open(gateway.port)
            try await line.send(Array(request.dropLast()))
            lines.append(line)
        }
        for line in lines { try await line.send(Array(request.suffix(1))) }
        return lines
    }

    @Test func `while large bodies are read, others on their event loop are answered`() async throws {
        let gateway = try await GatewayProcess(Self.configuration, places: Stage.shared.places)
        // What is wrong stands at the end, so nothing but reading takes time.
        let request = Self.escapes(18 << 20, end: "\u{1}")
        let lines = try await Self.send(request, 4, to: gateway)
        var slowest = Duration.zero
        let begun = ContinuousClock.now
        while ContinuousClock.now - begun < .seconds(3) {
            let asked = ContinuousClock.now
            #expect(try await Client.get(gateway.port, "/livez").status == 200)
            slowest = max(slowest, ContinuousClock.now - asked)
        }
        // Reading all of them takes the debug binary twice as long.
        #expect(slowest < .seconds(1), "the slowest took \(slowest)")
        for line in lines {
            let reply = await line.wait(.seconds(40)) { $0.closed }
            #expect(reply.status == 400 && reply.body.contains("control character"))
        }
    }

    @Test func `a second signal ends the process within a second though all its threads read large bodies`()
        async throws
    {
        let gateway = try await GatewayProcess(Self.configuration, places: Stage.shared.places)
        // As many as one address's share of the budget for bodies allows.
        let lines = try await Self.send(Self.escapes(18 << 20, end: "\u{1}"), 7, to: gateway)
        gateway.signal(SIGTERM)
        try await Task.sleep(for: .milliseconds(100))
        let begun = ContinuousClock.now
        gateway.signal(SIGTERM)
        let status = await gateway.waitForExit(.seconds(20)), took = ContinuousClock.now - begun
        #expect(status == 1)
        #expect(took < .seconds(1.5), "it ended after \(took)")
        for line in lines { await line.close() }
    }
}
