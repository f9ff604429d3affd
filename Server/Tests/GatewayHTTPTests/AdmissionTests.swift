import Generation
import HTTPMessage
import Testing

@testable import GatewayHTTP

@Suite struct AdmissionTests {
    private static let key = "caller-key-0123456789"

    private let admission = Admission(
        RouteTable(
            [
                .init("POST", .exactly("/json"), .caller, maximumBody: 10, mediaTypes: ["application/json"]) {
                    _ in
                },
                .init("POST", .exactly("/any"), .caller, maximumBody: 10) { _ in },
                .init("GET", .exactly("/livez"), .open) { _ in },
            ], errors: .openAI))

    private func rules(keys: Bool, origins: [String] = []) -> AccessRules {
        AccessRules(
            keys: KeyRing(administrator: nil, callers: keys ? [("a", Secret(Self.key))] : []),
            web: WebPolicy(origins: origins))
    }

    private func admit(_ head: RequestHead, by rules: AccessRules) throws(Refusal) -> Admission.Admitted {
        var lastKey = PresentedKey()
        return try admission.admit(head, by: rules, lastKey: &lastKey)
    }

    /// The status of a refusal; 0 if the request may go on.
    private func status(_ head: RequestHead, keys: Bool = false) -> Int {
        do throws(Refusal) {
            _ = try admit(head, by: rules(keys: keys))
            return 0
        } catch {
            return error.status
        }
    }

    @Test(arguments: [
        ("application/json", true), ("Application/JSON; charset=utf-8", true), ("application/json;", true),
        ("application/json ", true), ("text/plain", false), ("application/jsonp", false),
        ("application/js", false),
        ("application/x-www-form-urlencoded", false), ("multipart/form-data; boundary=a", false),
        ("text/plain; application/json", false), ("", false), ("application/json, text/plain", false),
    ])
    func `an entry takes only its types, whatever their parameters`(type: String, passes: Bool) throws {
        let head = try RequestHead.of("content-type: \(type)", "x-api-key: \(Self.key)", line: "POST /json")
        #expect(status(head) == (passes ? 0 : 415))
        #expect(status(head, keys: true) == (passes ? 0 : 415))
    }

    @Test func `a body without a type passes only where its sender has a key`() throws {
        let head = try RequestHead.of("x-api-key: \(Self.key)", line: "POST /json")
        #expect(status(head) == 415)
        #expect(status(head, keys: true) == 0)
        #expect(status(try .of(line: "POST /any")) == 0)
    }

    @Test func `where a request comes from is looked at before what it asks for`() throws {
        #expect(status(try .of("origin: http://a.example", line: "GET /nothing")) == 403)
        #expect(status(try .of("content-length: 1000", line: "POST /json", host: "a.example")) == 421)
        #expect(status(try .of(line: "GET /livez", host: "a.example")) == 421)
        #expect(status(try .of(line: "GET /livez", host: "10.0.0.1"), keys: true) == 0)
    }

    @Test func `a listed page reads refusals too, and asks for leave on every path`() throws {
        let rules = rules(keys: true, origins: ["http://a.example"])
        let unauthorized = try RequestHead.of("origin: http://a.example", line: "POST /json")
        let refusal = #expect(throws: Refusal.self) { try admit(unauthorized, by: rules) }
        #expect(refusal?.status == 401 && refusal?.allowedOrigin == "http://a.example")
        for path in ["/json", "/nothing"] {
            let asked = try RequestHead.of(
                "origin: http://a.example", "access-control-request-method: POST", line: "OPTIONS \(path)")
            let admitted = try admit(asked, by: rules)
            #expect(admitted.allowedOrigin == "http://a.example" && "\(admitted.entry.method)" == "OPTIONS")
        }
        for fields in ["origin: http://b.example", "x: http://a.example"] {
            let other = try RequestHead.of(
                fields, "access-control-request-method: POST", line: "OPTIONS /json")
            #expect(#expect(throws: Refusal.self) { try admit(other, by: rules) }?.status == 405)
        }
    }

    @Test func `a known length over the limit is refused at once`() throws {
        let head = try RequestHead.of("content-length: 11", line: "POST /any")
        #expect(status(head) == 413)
        #expect(status(try .of("content-length: 10", line: "POST /any")) == 0)
        #expect(status(try .of("content-encoding: gzip", line: "POST /any")) == 415)
    }
}
