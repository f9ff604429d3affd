import HTTPMessage
import Testing

@testable import GatewayHTTP

@Suite struct WebPolicyTests {
    /// What becomes of a request: `-` if it passes, `reads` with the origin that may read the answer, or the refusal.
    private func outcome(
        _ head: RequestHead, _ policy: WebPolicy = WebPolicy(), needsKeys: Bool = false, isOpen: Bool = false
    ) -> String {
        do throws(Refusal) {
            return try policy.check(head, needsKeys: needsKeys, isOpen: isOpen).map { "reads \($0)" } ?? "-"
        } catch {
            return "\(error.status) \(error.code)"
        }
    }

    @Test(arguments: [
        "localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8080", "127.255.0.9:1", "[::1]", "[::1]:8080",
    ])
    func `without keys loopback is answered under all its names`(host: String) throws {
        #expect(outcome(try .of(host: host)) == "-")
    }

    @Test(arguments: [
        "evil.example.com", "evil.example.com:8080", "localhost.evil.com", "127.0.0.1.evil.com",
        "127.evil.1.com",
        "127.0.0.1.", "127.0.0.256", "127.0.0", "0.0.0.0", "192.168.1.2:8080", "[::2]", "[::1]evil.com",
        "[::1",
        "localhost:evil", "10.127.0.1", "::1", "127.0.0.1.1",
    ])
    func `without keys no other name is answered`(host: String) throws {
        #expect(outcome(try .of(host: host)) == "421 unknown_host")
    }

    @Test func `names of the configuration are answered, on any port and in any case`() throws {
        let policy = WebPolicy(hosts: ["gateway.internal", "fd00::1"])
        for host in ["gateway.internal", "Gateway.Internal:99", "[FD00::1]:8080", "localhost"] {
            #expect(outcome(try .of(host: host), policy) == "-")
        }
        #expect(outcome(try .of(host: "a.gateway.internal"), policy) == "421 unknown_host")
    }

    @Test func `a program that knows no host yet is answered`() throws {
        #expect(outcome(try .of(host: nil)) == "-")
    }

    @Test func `with keys names matter only where some are listed, and never to probes`() throws {
        let listed = WebPolicy(hosts: ["gateway.internal"])
        let head = try RequestHead.of(host: "10.1.2.3:8080")
        #expect(outcome(head, needsKeys: true) == "-")
        #expect(outcome(head, listed, needsKeys: true) == "421 unknown_host")
        #expect(outcome(head, listed, needsKeys: true, isOpen: true) == "-")
        #expect(outcome(head, listed, needsKeys: false, isOpen: true) == "421 unknown_host")
    }

    @Test(arguments: [
        "http://evil.example.com", "null", "http://localhost:3000", "http://127.0.0.1:8081",
        "http://127.0.0.1",
        "https://127.0.0.1:8080", "http://127.0.0.1:8080.evil.com", "", "http://127.0.0.1:8080/",
        "chrome-extension://abc",
    ])
    func `without keys a page of another origin is refused`(origin: String) throws {
        #expect(outcome(try .of("origin: \(origin)")) == "403 forbidden_origin")
        #expect(outcome(try .of("origin: \(origin)", line: "GET /v1/models")) == "403 forbidden_origin")
        // That it asks its own site is what the browser would not say of it.
        #expect(
            outcome(try .of("origin: \(origin)", "sec-fetch-site: same-origin")) == "403 forbidden_origin")
    }

    @Test func `a page of the same origin is answered`() throws {
        #expect(outcome(try .of("origin: http://127.0.0.1:8080", "sec-fetch-site: same-origin")) == "-")
        #expect(outcome(try .of("origin: http://localhost", host: "Localhost:80")) == "-")
    }

    @Test(arguments: [
        ("cross-site", false), ("same-site", false), ("same-origin", true), ("none", true), ("x", false),
    ])
    func `without keys what a page of another site loads is refused`(site: String, passes: Bool) throws {
        let head = try RequestHead.of("sec-fetch-site: \(site)", line: "GET /v1/models")
        #expect(outcome(head) == (passes ? "-" : "403 forbidden_origin"))
        #expect(outcome(head, needsKeys: true) == "-")
    }

    @Test func `a listed page may ask and read, with keys and without`() throws {
        let policy = WebPolicy(origins: ["https://app.example.com"])
        let head = try RequestHead.of("origin: https://app.example.com", "sec-fetch-site: cross-site")
        for needsKeys in [false, true] {
            #expect(outcome(head, policy, needsKeys: needsKeys) == "reads https://app.example.com")
        }
        let other = try RequestHead.of("origin: https://app.example.com.evil.com")
        #expect(outcome(other, policy) == "403 forbidden_origin")
        #expect(
            outcome(other, policy, needsKeys: true) == "-", "its key decides; the browser hides the answer")
    }

    @Test func `all pages may read only where keys are needed`() throws {
        let policy = WebPolicy(origins: [WebPolicy.anyOrigin])
        let head = try RequestHead.of("origin: http://a.example")
        #expect(outcome(head, policy, needsKeys: true) == "reads http://a.example")
        #expect(outcome(head, policy, needsKeys: false) == "403 forbidden_origin")
        let long = try RequestHead.of("origin: http://\(String(repeating: "a", count: 300))")
        #expect(outcome(long, policy, needsKeys: true) == "-")
    }

    @Test func `a refusal names the field and the setting`() throws {
        for (head, field, setting) in [
            (try RequestHead.of(host: "a.example"), "host", "server.hosts"),
            (try RequestHead.of("origin: http://a.example"), "origin", "server.cors_origins"),
            (try RequestHead.of("sec-fetch-site: cross-site"), "sec-fetch-site", "server.cors_origins"),
        ] {
            let refusal = #expect(throws: Refusal.self) {
                try WebPolicy().check(head, needsKeys: false, isOpen: false)
            }
            #expect(refusal?.field == field && refusal?.message.contains(setting) ?? false)
        }
    }
}
