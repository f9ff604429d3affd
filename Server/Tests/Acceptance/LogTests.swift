import Foundation
import Synchronization
import Testing
import Wall

/// What the log says.
@Suite struct LogTests {
    @Test func `a reload names all changed settings that count only at the start, in one line`() async throws
    {
        let pair = try await Pair { Answer.good($0) }
        try pair.gateway.replaceConfiguration(
            pair.settings.text.replacingOccurrences(
                of: "server: {", with: "server: { body_time: 7s, max_connections: 99,"))
        pair.gateway.signal(SIGHUP)
        #expect(try await eventually { pair.gateway.standardError.contains("configuration reloaded") })
        let lines = pair.gateway.standardError.split(separator: "\n").filter { $0.contains("at the start") }
        #expect(lines.count == 1 && lines[0].contains("server.body_time, server.max_connections"), "\(lines)")
    }

    @Test func `a request that the front refuses has a line like others`() async throws {
        let wall = Wall { Answer.good($0) }, port = try await wall.start()
        let gateway = try await GatewayProcess(
            """
            providers:
              p: { kind: openai, base_url: "http://127.0.0.1:\(port)/v1", api_key: sk-wall-key-0123456789 }
            models:
              chat: { targets: [ { provider: p, model: p-1 } ] }
            """)
        let text = "GET /v1/models HTTP/1.1\r\nhost: evil.example\r\n\r\n"
        let reply = try await Client.send(gateway.port, Array(text.utf8), limit: .seconds(5))
        #expect(reply.status == 421)
        let isLogged = try await eventually {
            gateway.standardError.split(separator: "\n").contains { line in
                line.contains(#""code":"unknown_host""#) && line.contains(#""status":"421""#)
                    && line.contains(#""path":"/v1/models""#)
            }
        }
        #expect(isLogged, "\(gateway.standardError)")
    }

    @Test func `an outage of a lone provider is told once when it begins and once when it is over`()
        async throws
    {
        let isDown = Atomic(true)
        let pair = try await Pair(settings: {
            $0.withFallback = false
            $0.lines = ["breaker: { consecutive_failures: 1, probes: 1 }"]
        }) { call in
            isDown.load(ordering: .relaxed)
                ? [Answer.response(503, Answer.error("down", type: "server_error"))] : Answer.good(call)
        }
        for _ in 0..<3 { _ = try await pair.chat() }
        #expect(pair.callsToP.count > 3, "there are no probes")
        isDown.store(false, ordering: .relaxed)
        #expect(try await eventually(.seconds(10)) { try await pair.chat().status == 200 })
        #expect(try await eventually { pair.gateway.standardError.contains("-> closed") })
        let changes = pair.gateway.standardError.split(separator: "\n").filter { $0.contains("breaker ") }
        #expect(changes.count == 2, "\(changes)")
        #expect(changes.first?.contains("breaker closed -> open") ?? false)
        #expect(changes.last?.contains("breaker half_open -> closed") ?? false)
    }
}
