import NIOCore
import Testing

@testable import HTTPMessage

@Suite struct ResponseParserTests {
    private struct Read {
        var status = 0
        var body = ""
        var ended = false
        var closes = false
    }

    private func read(_ text: String, split: Int? = nil) throws -> Read {
        var parser = ResponseParser(), input = ByteBuffer(), body = ByteBuffer(), result = Read()
        let bytes = Array(text.utf8), parts = split.map { [bytes[..<$0], bytes[$0...]] } ?? [bytes[...]]
        for part in parts {
            input.writeBytes(part)
            reading: while true {
                switch try parser.read(&input, into: &body) {
                case .needsMore: break reading
                case .head(let head): result.status = head.status
                case .end:
                    result.ended = true
                    break reading
                }
            }
        }
        result.body = String(buffer: body)
        result.closes = parser.closesConnection
        return result
    }

    @Test func `responses come out the same wherever their bytes are split`() throws {
        let chunked =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
            + "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
        let fixed = "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope"
        for (text, status, body, closes) in [
            (chunked, 200, "abc0123456789", false), (fixed, 404, "nope", true),
        ] {
            for split in 1..<text.utf8.count {
                let read = try read(text, split: split)
                #expect(
                    read.status == status && read.body == body && read.ended && read.closes == closes,
                    "split at \(split)")
            }
        }
    }

    @Test func `a body without length ends with the connection`() throws {
        let read = try read("HTTP/1.1 200 OK\r\n\r\nsome")
        #expect(read.body == "some")
        #expect(!read.ended)
        #expect(read.closes)
    }

    @Test(arguments: [204, 304])
    func `some statuses have no body`(status: Int) throws {
        #expect(try read("HTTP/1.1 \(status) X\r\ncontent-length: 5\r\n\r\n").ended)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "<html>\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", "HTTP/1.1 200 OK\r\nx: a\u{0}b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        "HTTP/1.1 200 OK\nx: y\n\n\r\n\r\n",
        String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 17),
    ])
    func `a response that breaks the rules is refused`(text: String) {
        #expect(throws: MessageFault.self) { try read(text) }
    }

    @Test func `heads are bounded, interim ones included`() {
        let field = "x: " + String(repeating: "y", count: 9000) + "\r\n"
        #expect(throws: MessageFault.headTooLarge) {
            try read("HTTP/1.1 200 OK\r\n" + String(repeating: field, count: 8))
        }
        let interim = "HTTP/1.1 103 Early Hints\r\n" + field + "\r\n"
        #expect(throws: MessageFault.headTooLarge) { try read(String(repeating: interim, count: 8)) }
    }
}
