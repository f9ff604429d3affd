import Generation
import HTTPMessage
import NIOCore
import Testing

@testable import GatewayHTTP

@Suite struct AccessTests {
    private func head(_ text: String) throws -> RequestHead {
        var parser = RequestParser(), input = ByteBuffer(string: text)
        return try #require(try parser.readHead(&input))
    }

    private func head(fields: [String]) throws -> RequestHead {
        try head("GET / HTTP/1.1\r\nhost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    private static let long = String(repeating: "k", count: 5000)
    private let rules = AccessRules(
        keys: KeyRing(
            administrator: Secret("admin-key-0123456789"),
            callers: [
                ("web", Secret("web-key-0123456789")), ("long", Secret(long)),
                ("limit", Secret(String(long.prefix(4096)))),
            ]))

    private func caller(_ fields: String..., rules: AccessRules? = nil) throws -> Caller? {
        var last = PresentedKey()
        return (rules ?? self.rules).caller(try head(fields: fields), last: &last)
    }

    @Test func `keys are accepted in both forms`() throws {
        #expect(try caller("authorization: Bearer web-key-0123456789") == .key("web"))
        #expect(try caller("Authorization: bEARER web-key-0123456789") == .key("web"))
        #expect(try caller("x-api-key: web-key-0123456789") == .key("web"))
        #expect(try caller("x-api-key: admin-key-0123456789") == .administrator)
        #expect(
            try caller("x-api-key: web-key-0123456789", "authorization: Bearer admin-key-0123456789")
                == .key("web"))
    }

    @Test(arguments: [
        [], ["authorization: web-key-0123456789"], ["authorization: Bearer "],
        ["authorization: Bearer web-key-012345678"], ["authorization: Basic d2ViOng="],
        ["authorization: Bearer web-key-0123456789x"], ["authorization: Bearer ' OR 1=1--"], ["x-api-key: "],
        ["authorization: Bearer  web-key-0123456789"], ["authorization: Bearer\tweb-key-0123456789"],
        ["x-api-key: ", "authorization: Bearer web-key-0123456789"],
    ])
    func `anything else is nobody`(fields: [String]) throws {
        var last = PresentedKey()
        #expect(rules.caller(try head(fields: fields), last: &last) == nil)
    }

    @Test func `a field that presents a key has a bound, whichever it is`() throws {
        #expect(try caller("x-api-key: \(Self.long)") == nil)
        #expect(try caller("authorization: Bearer \(Self.long)") == nil)
        #expect(try caller("x-api-key: \(Self.long.prefix(4096))") == .key("limit"))
    }

    @Test func `the key that a connection presented last is known again, but only under the same rules`()
        throws
    {
        var last = PresentedKey()
        let web = try head(fields: ["x-api-key: web-key-0123456789"])
        let other = try head(fields: ["x-api-key: web-key-0123456780"])
        let administrator = try head(fields: ["authorization: Bearer admin-key-0123456789"])
        for _ in 0..<2 {
            #expect(rules.caller(web, last: &last) == .key("web"))
            #expect(rules.caller(other, last: &last) == nil)
            #expect(rules.caller(try head(fields: []), last: &last) == nil)
        }
        #expect(rules.caller(administrator, last: &last) == .administrator)
        #expect(rules.caller(web, last: &last) == .key("web"))
        let without = AccessRules(
            keys: KeyRing(administrator: nil, callers: [("new", Secret("new-key-0123456789"))]))
        #expect(without.caller(web, last: &last) == nil)
        #expect(rules.caller(web, last: &last) == .key("web"))
    }

    @Test func `without keys anyone may ask`() throws {
        #expect(
            try caller(rules: AccessRules(keys: KeyRing(administrator: nil, callers: []))) == .anyone)
    }

    @Test func `a key is known by its SHA-256`() {
        #expect(
            KeyRing.digest(Secret("abc"))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func `a route is found by exactly its path`() throws {
        let table = RouteTable(
            [
                .init("POST", .exactly("/v1/chat/completions"), .caller) { _ in },
                .init("GET", .under("/decisions"), .caller) { _ in },
            ], errors: .openAI)
        func match(_ method: String, _ path: String) throws -> String {
            let match = table.match(try head("\(method) \(path) HTTP/1.1\r\nhost: a\r\n\r\n"))
            if case .entry(let entry) = match { return "\(entry.path)" }
            return match.otherMethods?.joined(separator: ",") ?? "-"
        }
        #expect(try match("POST", "/v1/chat/completions") == "/v1/chat/completions")
        #expect(try match("GET", "/v1/chat/completions") == "POST")
        #expect(try match("HEAD", "/decisions/x") == "/decisions/*")
        for path in [
            "//v1/chat/completions", "/v1/chat/completions/", "/V1/chat/completions",
            "/v1/../v1/chat/completions", "/v1/chat%2fcompletions",
            "/v1/chat/completions;x", "/", "/decisions", "/decisions/",
        ] {
            #expect(try match("POST", path) == "-", "\(path)")
        }
    }
}
