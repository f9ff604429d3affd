import NIOCore
import Testing

@testable import GatewayHTTP

/// The front refuses in the form of the surface that was asked for.
@Suite struct ErrorShapeTests {
    /// A dialect of this test's own.
    private static let other = ErrorShape { problem in
        ByteBuffer(string: #"{"other":"\#(problem.code)","field":"\#(problem.field ?? "-")"}"#)
    }

    private static let entries = [
        RouteTable.Entry(
            "POST", .exactly("/other"), .open, maximumBody: 10, mediaTypes: ["application/json"],
            errors: other
        ) { _ in },
        RouteTable.Entry("POST", .exactly("/usual"), .open, maximumBody: 10) { _ in },
    ]

    /// A request and what its refusal contains.
    private static let refusals: [(String, String)] = [
        ("GET /other HTTP/1.1\r\nhost: localhost\r\n\r\n", #"{"other":"method_not_allowed","field":"-"}"#),
        ("POST /other HTTP/1.1\r\nhost: evil.example\r\n\r\n", #"{"other":"unknown_host","field":"host"}"#),
        (
            "POST /other HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n\r\n",
            #"{"other":"forbidden_origin","field":"origin"}"#
        ),
        (
            "POST /other HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}",
            #"{"other":"unsupported_media_type","field":"content-type"}"#
        ),
        (
            "POST /other HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                + "transfer-encoding: chunked\r\n\r\n14\r\n\(String(repeating: " ", count: 20))\r\n",
            #"{"other":"request_too_large","field":"-"}"#
        ),
        ("GET /usual HTTP/1.1\r\nhost: localhost\r\n\r\n", #""param":null,"code":"method_not_allowed"}}"#),
        ("GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n", #""param":null,"code":"unknown_url"}}"#),
        ("nonsense\r\n\r\n", #""param":null,"code":"bad_request"}}"#),
    ]

    @Test func `a refusal has the form of the entry that was asked for, else that of the table`() async throws
    {
        try await FrontStage.run(Self.entries) { port in
            for (request, body) in Self.refusals {
                let caller = try await FrontCaller(port)
                try await caller.send(request)
                #expect(try await FrontStage.until { caller.isClosed })
                #expect(caller.received.hasSuffix(body), "\(caller.received)")
            }
        }
    }
}
