import NIOCore
import NIOHTTP1

/// Writes replies as HTTP/1.1.
enum ReplyEncoder {
    /// A reply's head. Without a length the body comes in chunks, or until the connection ends.
    static func head(_ head: ReplyHead, date: String, length: Int?, keepsAlive: Bool, chunked: Bool = true) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(head.fields.readableBytes + 192 + min(length ?? 1024, 16 * 1024))
        if head.status == 200 {
            bytes.writeStaticString("HTTP/1.1 200 OK\r\n")
        } else {
            bytes.writeString("HTTP/1.1 \(head.status) \(HTTPResponseStatus(statusCode: head.status).reasonPhrase)\r\n")
        }
        bytes.writeImmutableBuffer(head.fields)
        bytes.writeStaticString("date: ")
        bytes.writeString(date)
        if let length {
            bytes.writeStaticString("\r\ncontent-length: ")
            bytes.writeString(String(length))
        } else if chunked {
            bytes.writeStaticString("\r\ntransfer-encoding: chunked")
        }
        if !keepsAlive { bytes.writeStaticString("\r\nconnection: close") }
        bytes.writeStaticString("\r\n\r\n")
        return bytes
    }

    static func write(chunk: ByteBuffer, to bytes: inout ByteBuffer) {
        bytes.reserveCapacity(minimumWritableBytes: chunk.readableBytes + 24)
        bytes.writeString(String(chunk.readableBytes, radix: 16))
        bytes.writeStaticString("\r\n")
        bytes.writeImmutableBuffer(chunk)
        bytes.writeStaticString("\r\n")
    }

    static func chunk(_ part: ByteBuffer) -> ByteBuffer {
        var bytes = ByteBuffer()
        write(chunk: part, to: &bytes)
        return bytes
    }
}
