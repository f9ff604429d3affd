import Foundation
import Testing
import Wall

/// Who may ask for what, and what is no request at all (threats S2, S7, S22).
@Suite struct Door {
    static let callersKey = "caller-key-0123456789abcdef-0123456789"
    static let otherCallersKey = "other-caller-key-0123456789abcdef-01"
    static let administratorsKey = "admin-key-0123456789abcdef-012345678"

    static func gateway(_ wall: Wall) async throws -> GatewayProcess {
        let port = try await wall.start()
        return try await GatewayProcess(
            """
            auth:
              admin_key: \(administratorsKey)
              keys: [ { name: one, key: \(callersKey) }, { name: two, key: \(otherCallersKey) } ]
            logging: { access: false }
            providers:
              p: { kind: openai, base_url: "http://127.0.0.1:\(port)/v1", api_key: sk-wall-key-0123456789 }
            models:
              chat: { targets: [ { provider: p, model: p-1 } ] }
            """)
    }

    private struct Row {
        var method: String, path: String, access: String
    }

    private static func table(_ port: Int) async throws -> [Row] {
        let reply = try await Client.get(
            port, "/admin/routes", fields: ["authorization: Bearer \(administratorsKey)"])
        let rows = try JSONSerialization.jsonObject(with: Data(reply.body.utf8)) as? [[String: String]] ?? []
        return rows.map {
            Row(
                method: $0["method"] ?? "",
                path: ($0["path"] ?? "").replacingOccurrences(of: "*", with: "req_x"),
                access: $0["access"] ?? "")
        }
    }

    private static func ask(
        _ port: Int, _ method: String, _ target: String, host: String = "127.0.0.1", _ fields: [String] = []
    ) async throws -> Client.Reply {
        let body = method == "POST" ? Client.chatBody() : ""
        let head = [
            "\(method) \(target) HTTP/1.1", "host: \(host)", "content-length: \(body.utf8.count)",
            "connection: close",
        ]
        let text = (head + fields).joined(separator: "\r\n") + "\r\n\r\n" + body
        return try await Client.send(port, Array(text.utf8), limit: .seconds(5))
    }

    @Test func `S2: every route asks for the key that its row in the one table says`() async throws {
        let wall = Wall { Answer.good($0) }
        let gateway = try await Self.gateway(wall)
        let rows = try await Self.table(gateway.port)
        #expect(
            rows.count >= 8 && rows.contains { $0.path == "/v1/chat/completions" && $0.access == "caller" })
        let open: Set = ["/livez", "/readyz"]
        for row in rows {
            let name = "\(row.method) \(row.path)"
            #expect(["open", "caller", "administrator"].contains(row.access))
            #expect((row.access == "open") == open.contains(row.path), "\(name) is open")
            for (key, expected) in [
                (nil, 401), ("wrong-key-0123456789", 401), ("", 401),
                (String(repeating: "k", count: 60_000), 401),
                (Self.callersKey, row.access == "administrator" ? 403 : 0), (Self.administratorsKey, 0),
            ] as [(String?, Int)] {
                for form in ["authorization: Bearer ", "x-api-key: "] {
                    let reply = try await Self.ask(
                        gateway.port, row.method, row.path, key.map { [form + $0] } ?? [])
                    let isRight =
                        row.access == "open" || expected == 0
                        ? ![401, 403].contains(reply.status) : reply.status == expected
                    #expect(isRight, "\(name) with \(key?.prefix(12) ?? "no key"): \(reply.status)")
                }
            }
        }
    }

    @Test func `S2: no other spelling of a path gets past its row`() async throws {
        let wall = Wall { Answer.good($0) }
        let gateway = try await Self.gateway(wall)
        for row in try await Self.table(gateway.port) where row.access != "open" {
            let path = row.path, first = path.dropFirst().prefix { $0 != "/" }
            let spellings = [
                "/" + path, "/v1/.." + path, "/livez/.." + path, "/livez/..;" + path, path + "/", path + "//",
                path + ";x", path + "%00", path + "/.", path.uppercased(), "/./" + path.dropFirst(),
                "/%2e%2e" + path,
                path.replacingOccurrences(
                    of: "/\(first)", with: "/%\(String(first.utf8.first ?? 0, radix: 16))\(first.dropFirst())"
                ),
                "http://127.0.0.1\(path)", "\\\(path.dropFirst())",
                path.replacingOccurrences(of: "/", with: "\\"),
                path + "%20", path + "%0d%0a", "*",
            ]
            for target in spellings {
                let reply = try await Self.ask(gateway.port, row.method, target)
                #expect(
                    [400, 401, 403, 404, 405].contains(reply.status),
                    "\(row.method) \(target): \(reply.status)")
            }
        }
        #expect(wall.ledger.calls.isEmpty)
    }

    @Test func `S2: a caller does not see another caller's decision`() async throws {
        let wall = Wall { Answer.good($0) }
        let gateway = try await Self.gateway(wall)
        let reply = try await Client.chat(gateway.port, fields: ["x-api-key: \(Self.callersKey)"])
        let path = "/decisions/\(try #require(reply.field("x-holdfast-decision")))"
        let isThere = try await eventually {
            try await Client.get(gateway.port, path, fields: ["x-api-key: \(Self.callersKey)"]).status == 200
        }
        #expect(isThere)
        let others = try await Client.get(gateway.port, path, fields: ["x-api-key: \(Self.otherCallersKey)"])
        let unknown = try await Client.get(
            gateway.port, "/decisions/req_aaaaaaaaaaaaaaaaaaaaaaaaaa",
            fields: ["x-api-key: \(Self.otherCallersKey)"])
        #expect(others.status == 404 && unknown.status == 404)
        let administrators = try await Client.get(
            gateway.port, path, fields: ["x-api-key: \(Self.administratorsKey)"])
        #expect(administrators.status == 200)
    }

    @Test func `S7: nothing that a host or a forwarding field says changes who may ask`() async throws {
        let wall = Wall { Answer.good($0) }
        let gateway = try await Self.gateway(wall)
        let hosts = [
            "localhost:4000/#@x", "127.0.0.1/livez", "127.0.0.1?", "127.0.0.1#", "a b", "", "x@127.0.0.1",
            "a\\b",
        ]
        let fields = [
            "x-forwarded-host: localhost", "x-original-url: /livez", "x-rewrite-url: /livez",
            "x-forwarded-for: 127.0.0.1", "forwarded: for=127.0.0.1;host=localhost",
            "x-http-method-override: GET",
        ]
        for row in try await Self.table(gateway.port) where row.access != "open" {
            for host in hosts {
                let reply = try await Self.ask(gateway.port, row.method, row.path, host: host)
                #expect(
                    [400, 401].contains(reply.status), "\(row.path) with host '\(host)': \(reply.status)")
            }
            let reply = try await Self.ask(gateway.port, row.method, row.path, fields)
            #expect(reply.status == 401, "\(row.path): \(reply.status)")
            let absolute = try await Self.ask(gateway.port, row.method, "http://localhost:4000\(row.path)")
            #expect([400, 401].contains(absolute.status))
        }
    }

    /// Requests that two readers could understand differently, each followed by a second request inside what one of
    /// them would take for the body.
    private static let smuggled: [String] = {
        let chat = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-api-key: \(callersKey)\r\n"
        let inner = "GET /admin/routes HTTP/1.1\r\nhost: a\r\nx-api-key: \(administratorsKey)\r\n\r\n"
        let codings = [
            "xchunked", "chunked, identity", "identity, chunked", "chunked,chunked", "gzip, chunked",
            "\"chunked\"",
            "chunked\u{0B}", "chunked;q=1", "",
        ]
        let framings =
            codings.map { "transfer-encoding: \($0)\r\n" } + [
                "content-length: 4\r\ntransfer-encoding: chunked\r\n",
                "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
                "content-length: 4\r\ncontent-length: 5\r\n", "content-length: 4, 5\r\n",
                "content-length: +4\r\n",
                "content-length: -1\r\n", "content-length: 0x4\r\n", "content-length: 4 4\r\n",
                "content-length: 18446744073709551620\r\n", "content-length: \r\n", "content-length : 4\r\n",
                " content-length: 4\r\n", "x: a\r\n content-length: 4\r\n", "x: a\ncontent-length: 4\r\n",
                "x: a\rcontent-length: 4\r\n", "content-length: 4\u{0}\r\n",
                "transfer\u{5F}encoding\u{0}: chunked\r\n",
                "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", "content-length: 1e1\r\n",
            ]
        let chunks = [
            "5\r\nhello\r\n0\n\r\n", "-1\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "fffffffffffffffff\r\n", "5\r\nhelloXX0\r\n\r\n",
            "5;\(String(repeating: "e", count: 5000))\r\nhello\r\n0\r\n\r\n",
            "\r\n", "g\r\n", "5;a=\"\nb\"\r\nhello\r\n0\r\n\r\n",
        ]
        return framings.map { chat + $0 + "\r\n0\r\n\r\n" + inner }
            + chunks.map { chat + "transfer-encoding: chunked\r\n\r\n" + $0 + inner }
    }()

    @Test func `S22: a request that could be read in two ways gets one 400 and a close`() async throws {
        let wall = Wall { Answer.good($0) }
        let gateway = try await Self.gateway(wall)
        #expect(Self.smuggled.count >= 24)
        for text in Self.smuggled {
            let reply = try await Client.send(gateway.port, Array(text.utf8), limit: .seconds(5))
            let name = text.dropFirst(70).prefix(80)
            #expect(reply.status == 400, "\(name.debugDescription): \(reply.head)")
            #expect(reply.closed && reply.isWellEnded, "\(name.debugDescription) was not closed")
            #expect(
                reply.text.components(separatedBy: "HTTP/1.1 ").count == 2,
                "\(name.debugDescription): \(reply.text)")
        }
        #expect(wall.ledger.calls.isEmpty)
        #expect(gateway.isRunning)
    }

    @Test func `requests that follow one another on a connection are answered in their order`() async throws {
        let wall = Wall { Answer.good($0, "Hello \($0.user)") }
        let gateway = try await Self.gateway(wall)
        let line = try await Line.open(gateway.port)
        let text = (0..<20).map { number in
            let body = Client.chatBody(more: #","user":"\#(number)""#)
            return "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-api-key: \(Self.callersKey)\r\n"
                + "content-length: \(body.utf8.count)\r\n\(number == 19 ? "connection: close\r\n" : "")\r\n\(body)"
        }.joined()
        try await line.send(text)
        let reply = await line.wait(.seconds(10)) { $0.closed }
        let order = reply.text.matches(of: #/"content":"Hello (\d+)"/#).compactMap { Int($0.1) }
        #expect(order == Array(0..<20))
    }
}
