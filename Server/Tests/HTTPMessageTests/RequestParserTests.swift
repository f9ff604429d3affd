import NIOCore
import Testing

@testable import HTTPMessage

@Suite struct RequestParserTests {
    private func head(_ text: String) throws -> RequestHead? {
        var parser = RequestParser(), input = ByteBuffer(string: text)
        return try parser.readHead(&input)
    }

    @Test func `it reads a request and finds its fields whatever their case`() throws {
        let text =
            "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHOST: a.example:80\r\nContent-Length: 2\r\nX-Api-Key:  k \r\n\r\n"
        let head = try #require(try head(text))
        #expect(head.method == "POST")
        #expect(head.path == "/v1/chat/completions")
        #expect(head.query == "x=1")
        #expect(head.length == 2)
        #expect(head.keepsAlive)
        #expect(head["x-api-key"] == "k")
        #expect(head["missing"] == nil)
        #expect(head.isMethod("POST"))
        #expect(!head.isMethod("POS"))
        #expect(head.isPath("/v1/chat/completions"))
        #expect(!head.isPath("/v1/chat"))
    }

    @Test(arguments: [
        ("/decisions/abc", true), ("/decisions/", false), ("/decisions", false), ("/decisions/a/b", false),
        ("/decisions//", false), ("/decisionsx/a", false),
    ])
    func `a path under a parent has exactly one more segment`(path: String, isUnder: Bool) throws {
        let head = try #require(try head("GET \(path) HTTP/1.1\r\nhost: a\r\n\r\n"))
        #expect(head.isPath(under: "/decisions") == isUnder)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1, 1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
        "GET / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n x: y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: a\u{0}b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost:4000/#@x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nhost: a\r\n\r\n",
        "GET /\r\nhost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nhost: a\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n\r\n\r\n",
    ])
    func `what two readers could understand differently is refused`(text: String) {
        #expect(throws: MessageFault.self) { try head(text) }
    }

    @Test func `a head may be at most 64 KiB and have at most 256 fields`() {
        let long = "GET / HTTP/1.1\r\nhost: a\r\nx: " + String(repeating: "a", count: 70_000)
        #expect(throws: MessageFault.headTooLarge) { try head(long) }
        #expect(throws: MessageFault.headTooLarge) { try head(long + "\r\n\r\n") }
        let many = "GET / HTTP/1.1\r\nhost: a\r\n" + String(repeating: "x: y\r\n", count: 256) + "\r\n"
        #expect(throws: MessageFault.headTooLarge) { try head(many) }
    }

    @Test func `requests come out the same wherever their bytes are split`() throws {
        let text =
            "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nt: 1\r\n\r\n"
            + "POST /b HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGET /c HTTP/1.1\r\nhost: a\r\n\r\n"
        for split in 1..<text.utf8.count {
            var parser = RequestParser(), input = ByteBuffer(), seen: [String] = [], head: RequestHead?,
                body = ByteBuffer()
            for part in [text.utf8.prefix(split), text.utf8.dropFirst(split)] {
                input.writeBytes(Array(part))
                while true {
                    if head == nil { head = try parser.readHead(&input) }
                    guard let present = head, try parser.readBody(&input, into: &body) else { break }
                    seen.append("\(present.path) \(String(buffer: body))")
                    (head, body) = (nil, ByteBuffer())
                }
            }
            #expect(seen == ["/a hello world", "/b abc", "/c "], "split at \(split)")
        }
    }

    @Test(arguments: [
        "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "g\r\n", "\r\n", "-1\r\n", "fffffffff\r\n",
        "5 x\u{1}\r\nhello\r\n",
        "1;" + String(repeating: "e", count: 5000) + "\r\na\r\n0\r\n\r\n",
        "0\r\n" + String(repeating: "t: trailer\r\n", count: 2000) + "\r\n",
    ])
    func `a chunked body that is wrong or without bound is refused`(body: String) throws {
        var parser = RequestParser()
        var input = ByteBuffer(
            string: "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + body)
        _ = try #require(try parser.readHead(&input))
        #expect(throws: MessageFault.self) {
            var bytes = ByteBuffer()
            _ = try parser.readBody(&input, into: &bytes)
        }
    }
}
