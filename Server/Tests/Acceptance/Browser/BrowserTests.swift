import Foundation
import Testing
import Wall

/// What a page in a real browser can do to a gateway on its user's machine (threats S19 and S20).
@Suite struct BrowserTests {
    private static let key = "caller-key-0123456789abcdef-0123456789"

    private static func gateway(_ server: String = "", keys: Bool = false) async throws -> Pair {
        try await Pair(settings: { settings in
            settings.server = server
            settings.authorization = keys ? "keys: [ { name: page, key: \(key) } ]" : ""
        }) { Answer.good($0) }
    }

    private static func url(_ gateway: GatewayProcess) -> String { "http://127.0.0.1:\(gateway.port)" }

    @Test
    func `S19, S20: without keys a page of another site gets nothing from a gateway and nothing through it`()
        async throws
    {
        let site = try await Site(), pair = try await Self.gateway(), demo = try await GatewayProcess(nil)
        let results = try await site.open(
            Site.Settings(gateway: Self.url(pair.gateway), demo: Self.url(demo), blind: true))
        // These were sent and answered, as the browser says, but not what they were answered.
        #expect(results["text"] == "opaque" && results["untyped"] == "opaque" && results["fault"] == "opaque")
        #expect(results["beacon"] == "1" && results["form"] == "sent", "\(results)")
        for name in ["models", "json", "stream", "unknown", "without a key"] {
            #expect(results[name]?.hasPrefix("blocked: ") ?? false, "\(name): \(results[name] ?? "-")")
        }
        #expect(pair.callsToP.isEmpty && pair.callsToF.isEmpty, "\(pair.callsToP.count) requests reached P")
        let answer = try await Client.chat(demo.port, model: "demo")
        #expect(answer.field("x-holdfast-provider") == "alpha", "the page switched a fault on")
    }

    @Test func `S19: a site whose name is made to point at the gateway gets nothing from it`() async throws {
        let site = try await Site(), pair = try await Self.gateway()
        let name = ToxicProxy(to: site.port), port = try await name.start(), gatewayPort = pair.gateway.port
        let results = try await site.open(
            Site.Settings(rebind: true), at: "http://evil.example.com:\(port)/"
        ) { name.target = gatewayPort }
        // To the browser it is one site, so that the page may read what it is told.
        #expect(results["models"] == "421")
        for name in ["json", "unknown", "without a key"] {
            #expect(results[name] == "421 - unknown_host", "\(name): \(results[name] ?? "-")")
        }
        #expect(pair.callsToP.isEmpty && pair.callsToF.isEmpty)
    }

    @Test(arguments: [false, true])
    func `a page of a listed origin works, streams and errors included`(keys: Bool) async throws {
        let site = try await Site()
        let pair = try await Self.gateway("cors_origins: [ \"http://localhost:\(site.port)\" ]", keys: keys)
        let results = try await site.open(
            Site.Settings(
                gateway: Self.url(pair.gateway),
                headers: keys ? ["authorization": "Bearer \(Self.key)", "x-stainless-os": "Linux"] : [:]))
        #expect(results["models"] == "200")
        #expect(results["json"] == "200 p \(Pair.answerOfP)")
        #expect(results["stream"] == "200 \(Pair.answerOfP) ended")
        #expect(results["unknown"] == "404 - model_not_found")
        #expect(results["without a key"] == (keys ? "401 - invalid_api_key" : "200 p \(Pair.answerOfP)"))
        #expect(pair.callsToP.count == (keys ? 2 : 3))
    }

    @Test func `with keys a page that is not listed is not let through by the browser, even if it has one`()
        async throws
    {
        let site = try await Site(), pair = try await Self.gateway(keys: true)
        let results = try await site.open(
            Site.Settings(
                gateway: Self.url(pair.gateway), headers: ["authorization": "Bearer \(Self.key)"]))
        for name in ["models", "json", "stream", "unknown", "without a key"] {
            #expect(results[name]?.hasPrefix("blocked: ") ?? false, "\(name): \(results[name] ?? "-")")
        }
        #expect(pair.callsToP.isEmpty)
    }
}
