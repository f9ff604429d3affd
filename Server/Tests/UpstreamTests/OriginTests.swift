import Testing

@testable import Upstream

@Suite struct OriginTests {
    @Test(arguments: [
        ("https://api.example.com/v1", true, "api.example.com", 443, "/v1"),
        ("http://127.0.0.1:9001/v1/", false, "127.0.0.1", 9001, "/v1"),
        ("http://[::1]:80", false, "::1", 80, ""),
        ("HTTPS://Api.Example.COM", true, "api.example.com", 443, ""),
        ("http://a/openai/deployments/x-1_2.3", false, "a", 80, "/openai/deployments/x-1_2.3"),
    ])
    func `base URLs are split`(text: String, secure: Bool, host: String, port: Int, path: String) throws {
        let (origin, found) = try #require(Origin.parse(text))
        #expect(origin == Origin(isSecure: secure, host: host, port: port))
        #expect(found == path)
    }

    @Test(arguments: [
        "", "api.example.com", "ftp://a", "https://", "https:///v1", "https://a@b/v1", "https://a:b@c",
        "https://127.0.0.1:9#", "https://evil.org#.a.com",
        "https://a/b?c", "https://a b", "https://a\r\nx: y", "https://a:0", "https://a:65536", "https://a:x",
        "https://a/../b", "https://a//b",
        "https://[::1", "https://[::g]", "https://-a", "https://a_b", "https://ä.example", "https://%61",
    ])
    func `what could be mistaken for another place is refused`(text: String) {
        #expect(Origin.parse(text) == nil)
    }

    @Test func `nothing in a setting can begin a new line of a request's head`() {
        let origin = Origin(isSecure: false, host: "a", port: 80)
        #expect(PreparedHead(method: "POST", path: "/v1", origin: origin, fields: [("a", "b")]) != nil)
        #expect(PreparedHead(method: "POST", path: "/v1\r\nx: y", origin: origin, fields: []) == nil)
        #expect(PreparedHead(method: "POST", path: "/v 1", origin: origin, fields: []) == nil)
        #expect(
            PreparedHead(method: "POST", path: "/v1", origin: origin, fields: [("a", "b\r\nc: d")]) == nil)
        #expect(PreparedHead(method: "POST", path: "/v1", origin: origin, fields: [("a:b", "c")]) == nil)
        #expect(PreparedHead(method: "P T", path: "/v1", origin: origin, fields: []) == nil)
    }
}
