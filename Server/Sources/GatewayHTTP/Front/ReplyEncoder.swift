import Gateway
import Generation
import HTTPMessage
import NIOCore

/// Writes replies as HTTP/1.1.
enum ReplyEncoder {
    private static let reasons = [
        200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
        405: "Method Not Allowed",
        408: "Request Timeout", 409: "Conflict", 413: "Content Too Large", 415: "Unsupported Media Type",
        421: "Misdirected Request", 422: "Unprocessable Content", 429: "Too Many Requests",
        431: "Request Header Fields Too Large",
        500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        505: "HTTP Version Not Supported",
    ]

    /// A reply's head, and its body if it is short. Without a length the body comes in chunks, or until the connection
    /// ends.
    ///
    /// - Parameters:
    ///   - allowedOrigin: The origin of the web page that may read the reply.
    ///   - date: The line with the date.
    static func head(
        _ head: ReplyHead, allowedOrigin: String?, date: ByteBuffer, length: Int?, keepsAlive: Bool,
        chunked: Bool = true, body: ByteBuffer? = nil
    ) -> ByteBuffer {
        let size =
            head.fields.reduce(0) { $0 + $1.name.utf8CodeUnitCount + $1.value.utf8.count + 4 }
            + 1024 + (allowedOrigin?.utf8.count ?? 0) + head.lines.utf8CodeUnitCount
            + (body?.readableBytes ?? 0)
        var bytes = ByteBuffer()
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            var writer = ByteWriter(space)
            if head.status == 200 {
                writer.put("HTTP/1.1 200 OK\r\n")
            } else {
                writeStatus(head.status, &writer)
            }
            writer.put(head.lines)
            for (name, value) in head.fields { write(name, value, &writer) }
            if let summary = head.summary { write(summary, &writer) }
            if let origin = allowedOrigin {
                // What a page may do is not for caches to give to another; it may read all fields of the reply.
                write("access-control-allow-origin", origin, &writer)
                writer.put("access-control-expose-headers: *\r\nvary: origin\r\n")
            }
            writer.put(date)
            if let length {
                writer.put("content-length: ")
                writer.put(length)
                writer.put(keepsAlive ? "\r\n\r\n" : "\r\nconnection: close\r\n\r\n")
            } else {
                if chunked { writer.put("transfer-encoding: chunked\r\n") }
                writer.put(keepsAlive ? "\r\n" : "connection: close\r\n\r\n")
            }
            if let body { writer.put(body) }
            return writer.count
        }
        return bytes
    }

    private static func writeStatus(_ status: Int, _ writer: inout ByteWriter) {
        writer.put("HTTP/1.1 ")
        writer.put(status)
        writer.put(" ")
        writer.put(reasons[status] ?? "Unknown")
        writer.put("\r\n")
    }

    private static func write(_ name: StaticString, _ value: String, _ writer: inout ByteWriter) {
        writer.put(name)
        writer.put(": ")
        writer.put(value)
        writer.put("\r\n")
    }

    /// What a caller is told about how its answer came about. Names of models may come from providers.
    private static func write(_ summary: DecisionSummary, _ writer: inout ByteWriter) {
        summary.id.withText { id in
            writer.put("x-request-id: ")
            writer.put(id)
            writer.put("\r\nrequest-id: ")
            writer.put(id)
            writer.put("\r\nx-holdfast-decision: ")
            writer.put(id)
            writer.put("\r\n")
        }
        if let provider = summary.provider { write("x-holdfast-provider", provider, &writer) }
        if let model = summary.model, model.utf8.count <= 256, model.isPrintableASCII {
            write("x-holdfast-model", model, &writer)
        }
        if let flaw = summary.flaw {
            writer.put("x-holdfast-answer: invalid; cause=")
            writer.put(flaw)
            writer.put("\r\n")
        }
        writer.put("x-holdfast-attempts: ")
        writer.put(summary.attempts)
        writer.put("\r\nx-holdfast-overhead-us: ")
        writer.put(Int((summary.overhead / .microseconds(1)).rounded()))
        writer.put("\r\n")
    }

    /// Bytes of a body as they go on the wire: `held` before them, then a chunk, then the end if it is the last.
    static func chunk(_ part: ByteBuffer, after held: ByteBuffer?, isLast: Bool) -> ByteBuffer {
        let size = (held?.readableBytes ?? 0) + part.readableBytes + 32
        var bytes = ByteBuffer()
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            var writer = ByteWriter(space)
            if let held { writer.put(held) }
            if part.readableBytes > 0 {
                writer.put(hexadecimal: part.readableBytes)
                writer.put("\r\n")
                writer.put(part)
                writer.put("\r\n")
            }
            if isLast { writer.put("0\r\n\r\n") }
            return writer.count
        }
        return bytes
    }
}
