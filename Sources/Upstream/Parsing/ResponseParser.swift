import NIOCore

/// Why bytes are not an acceptable HTTP/1.1 response.
enum ParseFault: Error, Hashable {
    case malformed(StaticString)
    case headTooLarge
    case tooManyInterimResponses

    static func == (left: ParseFault, right: ParseFault) -> Bool { "\(left)" == "\(right)" }
    func hash(into hasher: inout Hasher) { hasher.combine("\(self)") }
}

/// Reads HTTP/1.1 responses (RFC 9112), strictly: what two readers could understand differently is refused.
///
/// Line ends must be CR LF; a field name must touch its colon and no field may be folded; two lengths, a length beside
/// a transfer coding, and any coding but a single `chunked` are refused. The head, interim heads included, the chunk
/// extensions and the trailers are bounded.
struct ResponseParser {
    /// What reading led to.
    enum Progress {
        /// More bytes are needed; what there was of the body was appended.
        case needsMore
        case head(ResponseHead)
        /// The response is complete.
        case end
    }

    private enum State {
        /// Next: body, by the head's framing; head again after an interim response.
        case head
        case fixed(left: Int)
        /// Next: chunkData, or trailers after the last chunk.
        case chunkSize
        case chunkData(left: Int)
        case chunkEnd
        case trailers
        case untilClose
        /// Next: head, when ``reset()`` is called.
        case complete
    }

    private static let maximumFields = 256
    private static let maximumInterim = 16
    private static let maximumChunkLine = 4096
    private static let maximumTrailers = 16 * 1024

    private let maximumHead: Int
    private var state = State.head
    /// Bytes of the head that were searched for its end already.
    private var searched = 0
    /// Bytes of interim heads before this one.
    private var interimBytes = 0
    private var interimCount = 0
    private var trailerBytes = 0
    /// Whether the response says that the connection ends with it.
    private(set) var closesConnection = false

    init(maximumHead: Int = 64 * 1024) {
        self.maximumHead = maximumHead
    }

    /// Gets ready for the next response on the connection.
    mutating func reset() {
        self = ResponseParser(maximumHead: maximumHead)
    }

    /// Whether the response may end when the connection does.
    var endsWithConnection: Bool {
        if case .untilClose = state { return true }
        return false
    }

    /// Reads on. Call again after a head; the rest of `input` may hold the body.
    ///
    /// - Parameter body: Bytes of the body are appended here.
    mutating func read(_ input: inout ByteBuffer, into body: inout ByteBuffer) throws(ParseFault) -> Progress {
        while true {
            switch state {
            case .head:
                guard let head = try readHead(&input) else { return .needsMore }
                guard head.status >= 200 else {
                    interimCount += 1
                    if interimCount > Self.maximumInterim { throw .tooManyInterimResponses }
                    continue
                }
                state = try framing(of: head)
                return .head(head)
            case .fixed(let left):
                let count = min(left, input.readableBytes)
                move(count, &input, &body)
                guard count == left else {
                    state = .fixed(left: left - count)
                    return .needsMore
                }
                state = .complete
            case .untilClose:
                move(input.readableBytes, &input, &body)
                return .needsMore
            case .chunkSize:
                guard let line = try readLine(&input, limit: Self.maximumChunkLine) else { return .needsMore }
                let size = try Self.chunkSize(line)
                state = size == 0 ? .trailers : .chunkData(left: size)
            case .chunkData(let left):
                let count = min(left, input.readableBytes)
                move(count, &input, &body)
                guard count == left else {
                    state = .chunkData(left: left - count)
                    return .needsMore
                }
                state = .chunkEnd
            case .chunkEnd:
                guard input.readableBytes >= 2 else { return .needsMore }
                guard input.readInteger(as: UInt16.self) == 0x0D0A else { throw .malformed("chunk without line end") }
                state = .chunkSize
            case .trailers:
                guard let line = try readLine(&input, limit: Self.maximumTrailers - trailerBytes) else { return .needsMore }
                trailerBytes += line.readableBytes + 2
                if line.readableBytes == 0 { state = .complete }
            case .complete:
                return .end
            }
        }
    }

    // MARK: Head

    private mutating func readHead(_ input: inout ByteBuffer) throws(ParseFault) -> ResponseHead? {
        guard let length = Self.headLength(input, from: &searched) else {
            if interimBytes + input.readableBytes > maximumHead { throw .headTooLarge }
            return nil
        }
        searched = 0
        guard interimBytes + length <= maximumHead, let bytes = input.readSlice(length: length) else { throw .headTooLarge }
        let head = try Self.parseHead(bytes)
        if head.status < 200 { interimBytes += length }
        return head
    }

    /// The length of the head including the empty line; nil if that has not arrived.
    private static func headLength(_ input: ByteBuffer, from searched: inout Int) -> Int? {
        input.withUnsafeReadableBytes { bytes in
            var index = searched
            while index < bytes.count {
                guard let found = bytes[index...].firstIndex(of: 0x0A) else { break }
                if found >= 3, bytes[found - 1] == 0x0D, bytes[found - 2] == 0x0A, bytes[found - 3] == 0x0D {
                    return found + 1
                }
                index = found + 1
            }
            searched = bytes.count
            return nil
        }
    }

    private static func parseHead(_ buffer: ByteBuffer) throws(ParseFault) -> ResponseHead {
        var status = 0, isHTTP11 = false, fault: ParseFault?
        var fields: [ResponseHead.Field] = []
        fields.reserveCapacity(16)
        buffer.withUnsafeReadableBytes { bytes in
            do throws(ParseFault) {
                var start = 0
                while let end = bytes[start...].firstIndex(of: 0x0A), end > start + 1 {
                    guard bytes[end - 1] == 0x0D else { throw .malformed("line without CR LF") }
                    if start == 0 {
                        (status, isHTTP11) = try parseStatusLine(bytes, start..<end - 1)
                    } else {
                        if fields.count == maximumFields { throw .malformed("too many fields") }
                        fields.append(try parseField(bytes, start..<end - 1))
                    }
                    start = end + 1
                }
            } catch {
                fault = error
            }
        }
        if let fault { throw fault }
        guard status > 0 else { throw .malformed("no status line") }
        return ResponseHead(status: status, isHTTP11: isHTTP11, bytes: buffer, fields: fields)
    }

    private static func parseStatusLine(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(ParseFault)
        -> (Int, Bool) {
        let version: StaticString = "HTTP/1."
        guard line.count >= 12, (0..<7).allSatisfy({ bytes[line.lowerBound + $0] == version.utf8Start[$0] }) else {
            throw .malformed("not HTTP/1")
        }
        let minor = bytes[line.lowerBound + 7], code = line.lowerBound + 9
        guard minor == 0x30 || minor == 0x31, bytes[code - 1] == 0x20, line.count == 12 || bytes[code + 3] == 0x20 else {
            throw .malformed("bad status line")
        }
        var status = 0
        for index in code..<code + 3 {
            let digit = Int(bytes[index]) - 0x30
            guard (0...9).contains(digit) else { throw .malformed("bad status code") }
            status = status * 10 + digit
        }
        guard status >= 100 else { throw .malformed("bad status code") }
        for index in line where bytes[index] < 0x20 && bytes[index] != 0x09 { throw .malformed("control character in status line") }
        return (status, minor == 0x31)
    }

    private static func parseField(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(ParseFault)
        -> ResponseHead.Field {
        var colon = line.lowerBound
        while colon < line.upperBound, isToken(bytes[colon]) { colon += 1 }
        guard colon > line.lowerBound, colon < line.upperBound, bytes[colon] == 0x3A else {
            throw .malformed("bad field name")
        }
        var start = colon + 1, end = line.upperBound
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        for index in start..<end where bytes[index] < 0x20 && bytes[index] != 0x09 || bytes[index] == 0x7F {
            throw .malformed("control character in field")
        }
        return ResponseHead.Field(name: line.lowerBound..<colon, value: start..<end)
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E:
            true
        default: false
        }
    }

    // MARK: Framing

    private mutating func framing(of head: ResponseHead) throws(ParseFault) -> State {
        let lengths = head.values("content-length"), codings = head.values("transfer-encoding")
        let connection = head.values("connection").joined(separator: ",").lowercased()
        let tokens = connection.split(separator: ",").map { $0.trimmed }
        closesConnection = tokens.contains("close") || !head.isHTTP11 && !tokens.contains("keep-alive")
        if head.status == 204 || head.status == 304 { return .complete }
        if !codings.isEmpty {
            guard lengths.isEmpty else { throw .malformed("length beside transfer coding") }
            guard codings.count == 1, codings[0].lowercased() == "chunked", head.isHTTP11 else {
                throw .malformed("transfer coding other than chunked")
            }
            return .chunkSize
        }
        guard let first = lengths.first else {
            closesConnection = true
            return .untilClose
        }
        guard lengths.count == 1 else { throw .malformed("more than one length") }
        guard !first.isEmpty, first.utf8.count <= 15, first.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
              let length = Int(first) else { throw .malformed("bad length") }
        return length == 0 ? .complete : .fixed(left: length)
    }

    private static func chunkSize(_ line: ByteBuffer) throws(ParseFault) -> Int {
        var size = 0, digits = 0
        for byte in line.readableBytesView {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x37
            case 0x61...0x66: digit = byte - 0x57
            // An extension begins; nobody needs to understand it.
            case 0x3B where digits > 0, 0x20 where digits > 0, 0x09 where digits > 0:
                for byte in line.readableBytesView where byte < 0x20 && byte != 0x09 {
                    throw .malformed("control character in chunk extension")
                }
                return size
            default: throw .malformed("bad chunk size")
            }
            digits += 1
            guard digits <= 8 else { throw .malformed("chunk too large") }
            size = size << 4 | Int(digit)
        }
        guard digits > 0 else { throw .malformed("no chunk size") }
        return size
    }

    /// A line without its end; nil if the end has not arrived.
    private func readLine(_ input: inout ByteBuffer, limit: Int) throws(ParseFault) -> ByteBuffer? {
        guard let end = input.readableBytesView.firstIndex(of: 0x0A) else {
            if input.readableBytes > limit { throw .malformed("line too long") }
            return nil
        }
        let length = end - input.readerIndex
        guard length <= limit else { throw .malformed("line too long") }
        guard length >= 1, var line = input.readSlice(length: length + 1) else { throw .malformed("line without CR LF") }
        guard line.readableBytesView[line.writerIndex - 2] == 0x0D else { throw .malformed("line without CR LF") }
        line.moveWriterIndex(to: line.writerIndex - 2)
        return line
    }

    private func move(_ count: Int, _ input: inout ByteBuffer, _ body: inout ByteBuffer) {
        guard count > 0, let bytes = input.readSlice(length: count) else { return }
        if body.readableBytes > 0 {
            body.writeImmutableBuffer(bytes)
        } else if case .chunkData = state, input.readableBytes > 2 {
            // More chunks came in the same read: one allocation for all of them.
            body = ByteBuffer()
            body.reserveCapacity(count + input.readableBytes)
            body.writeImmutableBuffer(bytes)
        } else {
            body = bytes
        }
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
