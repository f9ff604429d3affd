import Generation
import NIOCore

@testable import HTTPMessage
@testable import Providers

/// Heads and bodies of both sides. A head has at most 64 KiB, so longer texts are many messages.
enum Heads {
    private static let long = [
        ("a long field", "x: " + String(repeating: "a", count: 60_000) + "\r\n\r\n"),
        ("spaces", "x:" + String(repeating: " ", count: 60_000) + "a\r\n\r\n"),
        (
            "many fields",
            String(repeating: "x: " + String(repeating: "a", count: 240) + "\r\n", count: 240) + "\r\n"
        ),
        (
            "retry-after",
            String(repeating: "retry-after: Sun, 06 Nov 2044 08:49:37 GMT\r\n", count: 200)
                + "date: " + String(repeating: "a ", count: 25_000) + "\r\n\r\n"
        ),
        (
            "options",
            String(repeating: "connection: " + String(repeating: "a,", count: 100) + "\r\n", count: 240)
                + "\r\n"
        ),
        ("line feeds", String(repeating: "a: b\r\n", count: 250) + "\r\n"),
    ]

    private static let bodies = [
        Text("chunks of one byte", "", "1\r\na\r\n", "0\r\n\r\n"),
        Text("long extensions", "", "1;" + String(repeating: "a", count: 4000) + "\r\na\r\n"),
        Text("large chunks", "", "4000\r\n" + String(repeating: "a", count: 16384) + "\r\n"),
        Text("a size without end", "", "1;a"), Text("trailers", "0\r\n", "a: b\r\n", "\r\n"),
    ]

    private static func pieces(_ bytes: [UInt8], _ size: Int, _ read: (inout ByteBuffer) -> Bool) {
        var input = ByteBuffer(), start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + size)
            input.addInput(ByteBuffer(bytes: bytes[start..<end]))
            start = end
            if !read(&input) { return }
        }
    }

    private static func requests(_ bytes: [UInt8], _ size: Int) {
        var parser = RequestParser(), body = ByteBuffer(), inBody = false
        pieces(bytes, size) { input in
            do throws(MessageFault) {
                while input.readableBytes > 0 {
                    if !inBody {
                        guard let head = try parser.readHead(&input) else { return true }
                        _ = (head["authorization"], head.fields.contains("x-api-key"))
                        inBody = true
                    }
                    guard try parser.readBody(&input, into: &body) else { return true }
                    inBody = false
                    body = ByteBuffer()
                }
                return true
            } catch { return false }
        }
    }

    private static func responses(_ bytes: [UInt8], _ size: Int) {
        var parser = ResponseParser(), body = ByteBuffer()
        pieces(bytes, size) { input in
            do throws(MessageFault) {
                while true {
                    switch try parser.read(&input, into: &body) {
                    case .needsMore: return true
                    case .head(let head): _ = RetryAfter.inFields(of: head) { 0 }
                    case .end:
                        parser.reset()
                        body = ByteBuffer()
                    }
                }
            } catch { return false }
        }
    }

    private static let requestTexts =
        long.map { Text($0.0, "", "GET / HTTP/1.1\r\nhost: a\r\n" + $0.1) } + [
            Text("small requests", "", "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        ]
        + bodies.map { body in
            Text(body.name) {
                Array("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".utf8) + body.make($0)
            }
        }
    private static let responseTexts =
        long.map { Text($0.0, "", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n" + $0.1) } + [
            Text("small responses", "", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        ]
        + bodies.map { body in
            Text(body.name) {
                Array("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".utf8) + body.make($0)
            }
        }
    static let readers = [
        Reader(name: "request message", texts: requestTexts) { requests($0, 16 << 10) },
        Reader(name: "request message in pieces", texts: requestTexts) { requests($0, 23) },
        Reader(name: "response message", texts: responseTexts) { responses($0, 16 << 10) },
        Reader(name: "response message in pieces", texts: responseTexts) { responses($0, 23) },
    ]
}
