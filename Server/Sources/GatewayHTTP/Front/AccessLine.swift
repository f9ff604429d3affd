import Generation
import HTTPMessage
import NIOCore

/// What there is to say of a request.
struct AccessLine {
    /// The longest part of a path that is told, in bytes.
    static let longestPath = 200
    /// More than the longest line has: a path, twice as long if all of it must be escaped, a method of 32 bytes, an
    /// address and a code.
    static let longest = 1024

    let id: RequestID
    /// Nil if it could not be read.
    let head: RequestHead?
    let status: Int
    /// What is wrong; nil if a route has answered.
    let code: StaticString?
    /// Those of the reply's body.
    let bytes: Int
    let from: String
    let duration: Duration

    /// Writes the line with its end; the time is given up to the second, with the point behind it, and in milliseconds of
    /// that second.
    func write(_ form: AccessLogOutlet.Form, second: ByteBuffer, millisecond: Int, _ writer: inout ByteWriter)
    {
        switch form {
        case .json: writeJSON(second, millisecond, &writer)
        case .text: writeText(second, millisecond, &writer)
        }
    }

    private func writeJSON(_ second: ByteBuffer, _ millisecond: Int, _ writer: inout ByteWriter) {
        writer.put(#"{"time":""#)
        writer.put(second)
        writer.put(threeDigits: millisecond)
        writer.put(#"Z","level":"info","logger":"holdfast.access","message":"request","bytes":""#)
        writer.put(bytes)
        if let code {
            writer.put(#"","code":""#)
            writer.put(code)
        }
        writer.put(#"","from":""#)
        writer.put(from)
        writer.put(#"","id":""#)
        writer.put(id)
        head?.withLine { method, _ in
            writer.put(#"","method":""#)
            writer.put(method)
        }
        writer.put(#"","ms":""#)
        writer.put(milliseconds)
        head?.withLine { _, path in
            writer.put(#"","path":""#)
            writer.put(visible: path.prefix(Self.longestPath), escaped: true)
        }
        writer.put(#"","status":""#)
        writer.put(status)
        writer.put("\"}\n")
    }

    private func writeText(_ second: ByteBuffer, _ millisecond: Int, _ writer: inout ByteWriter) {
        writer.put(second)
        writer.put(threeDigits: millisecond)
        writer.put("Z info holdfast.access: request bytes=")
        writer.put(bytes)
        if let code {
            writer.put(" code=")
            writer.put(code)
        }
        writer.put(" from=")
        writer.put(from)
        writer.put(" id=")
        writer.put(id)
        head?.withLine { method, _ in
            writer.put(" method=")
            writer.put(method)
        }
        writer.put(" ms=")
        writer.put(milliseconds)
        head?.withLine { _, path in
            writer.put(" path=")
            writer.put(visible: path.prefix(Self.longestPath), escaped: false)
        }
        writer.put(" status=")
        writer.put(status)
        writer.put("\n")
    }

    private var milliseconds: Int {
        let (seconds, attoseconds) = duration.components
        let rounded = (attoseconds / 1_000_000_000 + 500_000) / 1_000_000
        return Int(clamping: min(max(seconds, 0), 1 << 40) * 1000 + rounded)
    }
}

extension ByteWriter {
    /// Appends an identity as text.
    mutating func put(_ id: RequestID) {
        id.withText { put($0) }
    }

    fileprivate mutating func put(threeDigits number: Int) {
        if number < 100 { put("0") }
        if number < 10 { put("0") }
        put(number)
    }

    /// Appends visible ASCII; whatever else should be among it becomes a question mark, so that it cannot end a line.
    fileprivate mutating func put(visible bytes: Slice<UnsafeRawBufferPointer>, escaped: Bool) {
        var start = bytes.startIndex
        for index in bytes.indices {
            let byte = bytes[index], isPlain = byte > 0x20 && byte < 0x7F
            if isPlain && !(escaped && (byte == 0x22 || byte == 0x5C)) { continue }
            put(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
            put(isPlain ? "\\" : "?")
            start = isPlain ? index : index + 1
        }
        put(UnsafeRawBufferPointer(rebasing: bytes[start...]))
    }
}
