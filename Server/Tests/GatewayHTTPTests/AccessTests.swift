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

    private let ring = KeyRing(
        administrator: Secret("admin-key-0123456789"), callers: [("web", Secret("web-key-0123456789"))])

    @Test func `keys are accepted in both forms`() throws {
        #expect(ring.caller(try head(fields: ["authorization: Bearer web-key-0123456789"])) == .key("web"))
        #expect(ring.caller(try head(fields: ["Authorization: bearer web-key-0123456789"])) == .key("web"))
        #expect(ring.caller(try head(fields: ["x-api-key: web-key-0123456789"])) == .key("web"))
        #expect(ring.caller(try head(fields: ["x-api-key: admin-key-0123456789"])) == .administrator)
    }

    @Test(arguments: [
        [], ["authorization: web-key-0123456789"], ["authorization: Bearer "],
        ["authorization: Bearer web-key-012345678"], ["authorization: Basic d2ViOng="],
        ["authorization: Bearer web-key-0123456789x"], ["authorization: Bearer ' OR 1=1--"], ["x-api-key: "],
    ])
    func `anything else is nobody`(fields: [String]) throws {
        #expect(ring.caller(try head(fields: fields)) == nil)
    }

    @Test func `without keys anyone may ask`() throws {
        #expect(KeyRing(administrator: nil, callers: []).caller(try head(fields: [])) == .anyone)
    }

    @Test func `a key is known by its SHA-256`() {
        #expect(
            KeyRing.digest(Secret("abc"))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func `a route is found by exactly its path`() throws {
        let table = RouteTable([
            .init("POST", .exactly("/v1/chat/completions"), .caller) { _ in },
            .init("GET", .under("/decisions"), .caller) { _ in },
        ])
        func match(_ method: String, _ path: String) throws -> String {
            switch table.match(try head("\(method) \(path) HTTP/1.1\r\nhost: a\r\n\r\n")) {
            case .entry(let entry): "\(entry.path)"
            case .otherMethods(let methods): methods.joined(separator: ",")
            case .nothing: "-"
            }
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
