import Foundation
import Testing
import Wall

/// Requests near the limit for a body, made of what is slowest to read. The debug binary needs seconds for one.
@Suite struct LargeRequests {
    private static let configuration = """
        server: { threads: 1 }
        logging: { level: warning, access: false }
        providers:
          a: { kind: simulated }
        models:
          demo: { targets: [ { provider: a, model: a-1 } ] }
        """

    /// A request whose text is made of escapes.
    private static func escapes(_ bytes: Int) -> [UInt8] {
        let text = String(repeating: #"\u0041"#, count: bytes / 6)
        let body = #"{"model":"demo","messages":[{"role":"user","content":"\#(text)"}]}"#
        let head =
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            + "connection: close\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
        return Array((head + body).utf8)
    }

    @Test func `while a large body is read, others on its event loop are answered`() async throws {
        let gateway = try await GatewayProcess(Self.configuration, places: 3)
        let request = Self.escapes(12 << 20)
        async let large = Client.send(gateway.port, request, limit: .seconds(40))
        var slowest = Duration.zero, answered = 0
        let begun = ContinuousClock.now
        while ContinuousClock.now - begun < .seconds(3) {
            let asked = ContinuousClock.now
            let reply = try await Client.get(gateway.port, "/livez")
            #expect(reply.status == 200)
            slowest = max(slowest, ContinuousClock.now - asked)
            answered += 1
        }
        #expect(try await large.status == 200)
        #expect(answered > 20 && slowest < .seconds(1), "\(answered) answers, the slowest after \(slowest)")
    }

    @Test func `a second signal ends the process within a second though all its threads read large bodies`()
        async throws
    {
        let gateway = try await GatewayProcess(Self.configuration, places: 6)
        let request = Self.escapes(18 << 20)
        try await withThrowingTaskGroup(of: Void.self) { callers in
            // As many as the budget for bodies allows.
            for _ in 0..<12 {
                callers.addTask { _ = try? await Client.send(gateway.port, request, limit: .seconds(30)) }
            }
            try await Task.sleep(for: .seconds(3))
            gateway.signal(SIGTERM)
            try await Task.sleep(for: .milliseconds(100))
            let begun = ContinuousClock.now
            gateway.signal(SIGTERM)
            let status = await gateway.waitForExit(.seconds(20)), took = ContinuousClock.now - begun
            #expect(status == 1)
            #expect(took < .seconds(1.5), "it ended after \(took)")
            callers.cancelAll()
        }
    }
}
