import Testing

@testable import holdfast

/// What a reload cannot change.
@Suite struct ReloadTests {
    private static let rest =
        "models: { chat: { targets: [ { provider: a, model: m } ] } }\n"
        + "providers: { a: { kind: simulated } }"

    private func load(_ text: String) throws -> Configuration {
        try ConfigurationLoader.parse("\(text)\n\(Self.rest)", file: "f.yaml", environment: [:])
    }

    @Test(arguments: [
        "server.host: localhost", "server.port: 9999", "server.max_body: 1MiB", "server.body_time: 7s",
        "server.max_connections: 7", "server.max_connections_per_address: 7", "server.drain: 7s",
        "server.threads: 7", "server.state_file: /tmp/state.json", "logging.level: debug",
        "logging.format: text", "logging.access: false",
    ])
    func `a setting that counts only at the start is named when it changes`(setting: String) throws {
        let name = setting.prefix { $0 != ":" }, parts = name.split(separator: ".")
        let changed = "\(parts[0]): { \(parts[1])\(setting.dropFirst(name.count)) }"
        #expect(try load("").pendingChanges(in: load(changed)) == [String(name)])
        #expect(try load(changed).pendingChanges(in: load(changed)) == [])
    }

    @Test func `what a reload applies is not named`() throws {
        let next = try load(
            "server: { hosts: [ a.example ], cors_origins: [ \"https://b.example\" ] }\n"
                + "auth: { admin_key: admin-key-0123456789 }")
        #expect(try load("").pendingChanges(in: next) == [])
    }

    @Test func `every setting of the server is one or the other`() throws {
        let first = try load("")
        let second = try load(
            "server: { host: localhost, port: 9999, max_body: 1MiB, body_time: 7s, max_connections: 7, "
                + "max_connections_per_address: 7, drain: 7s, threads: 7, state_file: /tmp/s.json }\n"
                + "logging: { level: debug, format: text, access: false }")
        let settings =
            Mirror(reflecting: first.server).children.count + Mirror(reflecting: first.logging).children.count
        #expect(first.pendingChanges(in: second).count == settings - ["hosts", "corsOrigins"].count)
    }
}
