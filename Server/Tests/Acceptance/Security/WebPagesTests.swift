import Foundation
import Testing
import Wall

/// Requests as browsers send them for pages (threats S19 and S20); `BrowserTests` does it with a real one.
@Suite struct WebPages {
    /// Sends only the head of a request that promises a body, so that what answers it has not waited for the body.
    private static func refusal(_ port: Int, _ path: String, host: String = "127.0.0.1", _ fields: String...)
        async throws -> Client.Reply
    {
        let line = try await Line.open(port)
        let head = ["POST \(path) HTTP/1.1", "host: \(host)", "content-length: 100"] + fields
        try await line.send(head.joined(separator: "\r\n") + "\r\n\r\n")
        let reply = await line.wait(.seconds(3)) { $0.closed }
        await line.close()
        return reply
    }

    private static let json = "content-type: application/json"

    @Test func `S20: without keys a body that a page could send unasked is refused on every route`()
        async throws
    {
        let demo = try await GatewayProcess(nil)
        for path in ["/v1/chat/completions", "/v1/feedback", "/demo/faults/alpha"] {
            for type in [
                "x: none", "content-type: text/plain", "content-type: application/x-www-form-urlencoded",
                "content-type: multipart/form-data; boundary=a", "content-type: text/plain;application/json",
            ] {
                let reply = try await Self.refusal(demo.port, path, type)
                try requireFlawless(reply.flawsOfRefusal(415, "unsupported_media_type").of("\(path) \(type)"))
                #expect(
                    reply.errorField == "content-type" && reply.errorMessage?.contains(Self.json) ?? false)
            }
        }
        let reply = try await Client.post(demo.port, "/demo/faults/alpha", #"{"mode":"down"}"#)
        #expect(reply.status == 200)
    }

    @Test func `S20: with keys a missing type passes, and another one does not`() async throws {
        let pair = try await Pair(settings: {
            $0.authorization = "keys: [ { name: a, key: \(Door.callersKey) } ]"
        }) {
            Answer.good($0)
        }
        let body = Client.chatBody()
        for (field, status) in [("x: none", 200), ("content-type: text/plain", 415)] {
            let text =
                "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nx-api-key: \(Door.callersKey)\r\n\(field)\r\n"
                + "content-length: \(body.utf8.count)\r\nconnection: close\r\n\r\n\(body)"
            #expect(try await Client.send(pair.gateway.port, Array(text.utf8)).status == status)
        }
    }

    @Test func `S19: without keys requests of other sites' pages, or under other names, are refused first`()
        async throws
    {
        let pair = try await Pair { Answer.good($0) }, port = pair.gateway.port
        for path in ["/v1/chat/completions", "/v1/feedback", "/nothing"] {
            for field in [
                "origin: http://evil.example.com", "origin: null", "origin: http://localhost:\(port)",
                "sec-fetch-site: cross-site", "sec-fetch-site: same-site",
            ] {
                let reply = try await Self.refusal(port, path, Self.json, field)
                try requireFlawless(reply.flawsOfRefusal(403, "forbidden_origin").of("\(path) \(field)"))
                #expect(reply.field("access-control-allow-origin") == nil)
            }
            let reply = try await Self.refusal(port, path, host: "evil.example.com:\(port)", Self.json)
            try requireFlawless(reply.flawsOfRefusal(421, "unknown_host").of(path))
        }
        for path in ["/v1/models", "/livez", "/metrics"] {
            let reply = try await Client.get(port, path, fields: ["origin: http://evil.example.com"])
            #expect(reply.status == 403, "\(path)")
        }
        #expect(try await pair.chat().status == 200)
        #expect(pair.callsToP.count == 1)
    }

    @Test func `a listed page asks for leave first, on a connection that stays open`() async throws {
        let pair = try await Pair(settings: {
            $0.server = "cors_origins: [ \"https://app.example.com\" ], hosts: [ gateway.internal ]"
        }) { Answer.good($0) }
        let ask =
            "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: gateway.internal\r\norigin: https://app.example.com\r\n"
            + "access-control-request-method: POST\r\n"
            + "access-control-request-headers: authorization,content-type,x-holdfast-prefer,x-stainless-os\r\n"
        let line = try await Line.open(pair.gateway.port)
        for text in ["\r\n", "connection: close\r\n\r\n"] { try await line.send(ask + text) }
        let reply = await line.wait(.seconds(3)) { $0.closed }
        #expect(reply.text.components(separatedBy: "HTTP/1.1 200 OK").count == 3)
        #expect(reply.field("access-control-allow-origin") == "https://app.example.com")
        #expect(reply.field("access-control-allow-methods") == "POST")
        #expect(
            reply.field("access-control-allow-headers")
                == "authorization,content-type,x-holdfast-prefer,x-stainless-os")
        #expect(reply.field("vary") == "origin" && reply.field("access-control-max-age") != nil)
    }

    @Test func `a reload changes which pages and names are answered`() async throws {
        let pair = try await Pair { Answer.good($0) }
        let fields = ["origin: https://app.example.com"]
        #expect(try await Client.get(pair.gateway.port, "/v1/models", fields: fields).status == 403)
        try pair.gateway.replaceConfiguration(
            pair.settings.text.replacingOccurrences(
                of: "server: {", with: "server: { cors_origins: [ \"https://app.example.com\" ], "))
        pair.gateway.signal(SIGHUP)
        let isAnswered = try await eventually {
            try await Client.get(pair.gateway.port, "/v1/models", fields: fields).status == 200
        }
        #expect(isAnswered)
    }
}
