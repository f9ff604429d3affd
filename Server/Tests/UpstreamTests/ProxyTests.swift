import Foundation
import Testing

@testable import Upstream

@Suite struct ProxyTests {
    private static func origin(_ url: String) -> Origin {
        Origin.parse(url)?.origin ?? Origin(isSecure: false, host: "", port: 0)
    }

    private static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    private static func read(_ environment: [String: String]) throws -> Proxy? {
        try Proxy(environment: environment, base64: base64)
    }

    private static func proxy(_ url: String, _ exceptions: String) throws -> Proxy {
        try Proxy(url: url, exceptions: exceptions, base64: base64)
    }

    @Test func `without a variable there is no proxy, and either spelling names one`() throws {
        #expect(try Self.read([:]) == nil)
        #expect(try Self.read(["HTTPS_PROXY": " "]) == nil)
        for name in ["HTTPS_PROXY", "https_proxy"] {
            let proxy = try #require(try Self.read([name: "http://Proxy.example.com:3128/"]))
            #expect(proxy.host == "proxy.example.com" && proxy.port == 3128 && proxy.authorization == nil)
        }
        #expect(try Self.read(["HTTPS_PROXY": "10.0.0.1"])?.port == 80)
    }

    @Test func `a user is sent as RFC 7617 says`() throws {
        let proxy = try Self.proxy("http://Aladdin:open%20sesame@proxy:3128", "")
        #expect(proxy.authorization == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        #expect(try Self.proxy("http://a:p@ss@proxy:1", "").authorization == "Basic YTpwQHNz")
    }

    @Test(arguments: [
        "https://proxy:1", "socks5://proxy:1", "http://proxy:0", "http://proxy:99999", "http://",
        "http://a:%zz@proxy:1", "http://pro xy:1",
    ])
    func `what is no proxy is refused without repeating a password`(url: String) {
        #expect(throws: Proxy.UnusableSetting.self) { try Self.proxy(url, "") }
    }

    @Test func `only secure origins on other machines go through it`() throws {
        let proxy = try Self.proxy("http://proxy:1", "")
        #expect(proxy.applies(to: Self.origin("https://api.openai.com/v1")))
        for url in ["http://api.openai.com", "https://localhost", "https://127.0.0.1:8443", "https://[::1]"] {
            #expect(!proxy.applies(to: Self.origin(url)), "\(url)")
        }
    }

    @Test(arguments: [
        ("api.openai.com", "https://api.openai.com", true),
        ("api.openai.com", "https://x.api.openai.com", true),
        (".openai.com", "https://api.openai.com", true), ("openai.com", "https://notopenai.com", false),
        ("*.openai.com", "https://api.openai.com", true),
        ("a, OpenAI.com ,b", "https://api.openai.com", true),
        ("*", "https://api.openai.com", true), ("openai.com:8443", "https://api.openai.com:8443", true),
        ("openai.com:8443", "https://api.openai.com", false), ("10.0.0.0/8", "https://10.200.3.4", true),
        ("10.0.0.0/8", "https://11.0.0.1", false), ("10.1.2.3", "https://10.1.2.3", true),
        ("0.0.0.0/0", "https://8.8.8.8", true), ("192.168.1.0/24", "https://192.168.2.1", false),
        ("2001:db8::1", "https://[2001:db8::1]", true), (",,", "https://api.openai.com", false),
    ])
    func `NO_PROXY names what is reached directly`(list: String, url: String, isDirect: Bool) throws {
        let proxy = try Self.proxy("http://proxy:1", list)
        #expect(proxy.applies(to: Self.origin(url)) != isDirect)
    }
}
