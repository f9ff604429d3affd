import Bytes
public import NIOCore

/// The head of a response.
public struct ResponseHead: Sendable {
    /// The status code. Range: 100 to 999.
    public let status: Int
    /// The header fields.
    public let fields: FieldBlock

    /// The value of the first field with that lower-case name.
    public subscript(name: StaticString) -> String? { fields[name] }

    /// The values of all fields with that lower-case name.
    public func values(_ name: StaticString) -> [String] { fields.values(name) }
}

/// Reads the responses of a connection, one after the other (RFC 9112), strictly and within bounds.
public struct ResponseParser {
    /// What reading led to.
    public enum Progress {
        /// More bytes are needed; what there was of the body was appended.
        case needsMore
        case head(ResponseHead)
        /// The response is complete.
        case end
    }

    private static let maximumInterim = 16

    private let maximumHead: Int
    private var headParser = HeadParser()
    private var body: BodyParser?
    private var interimBytes = 0
    private var interimCount = 0
    /// Whether the response says that the connection ends with it.
    public private(set) var closesConnection = false

    /// - Parameter maximumHead: The longest head in bytes, interim heads before it included; at most 64 KiB.
    public init(maximumHead: Int = 64 * 1024) {
        self.maximumHead = min(maximumHead, 0xFFFF)
    }

    /// Gets ready for the next response of the connection.
    public mutating func reset() {
        self = ResponseParser(maximumHead: maximumHead)
    }

    /// Whether the response may end when the connection does.
    public var endsWithConnection: Bool { body?.endsWithConnection ?? false }

    /// Reads on. Call again after a head; the rest of `input` may hold the body.
    ///
    /// - Parameter bytes: Bytes of the body are appended here.
    public mutating func read(_ input: inout ByteBuffer, into bytes: inout ByteBuffer) throws(MessageFault)
        -> Progress
    {
        if body != nil { return try body?.read(&input, into: &bytes) == true ? .end : .needsMore }
        while let raw = try headParser.next(&input, limit: maximumHead - interimBytes) {
            let head = try parse(raw)
            if head.status >= 200 { return .head(head) }
            interimBytes += raw.readableBytes
            interimCount += 1
            if interimCount > Self.maximumInterim { throw .malformed("too many interim responses") }
        }
        return .needsMore
    }

    private mutating func parse(_ raw: ByteBuffer) throws(MessageFault) -> ResponseHead {
        var status = 0, isHTTP11 = false
        let (fields, facts) = try HeadParser.parse(raw) { (bytes, line) throws(MessageFault) in
            (status, isHTTP11) = try Self.statusLine(bytes, line)
        }
        guard status > 0 else { throw .malformed("there is no status line") }
        let head = ResponseHead(status: status, fields: fields)
        guard status >= 200 else { return head }
        try HeadParser.checkFraming(facts, isHTTP11: isHTTP11)
        closesConnection = facts.closes || !isHTTP11 && !facts.keepsAlive
        if status == 204 || status == 304 {
            body = .empty
        } else if facts.isChunked {
            body = .chunked
        } else if let length = facts.length {
            body = .fixed(length)
        } else {
            closesConnection = true
            body = .untilClose
        }
        return head
    }

    private static func statusLine(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(MessageFault)
        -> (Int, Bool)
    {
        guard line.count >= 12, isEqual(bytes, line.lowerBound + 4, toLowercase: "/1.", count: 3),
            bytes[0] == 0x48, bytes[1] == 0x54, bytes[2] == 0x54, bytes[3] == 0x50
        else { throw .unknownVersion }
        let minor = bytes[line.lowerBound + 7], code = line.lowerBound + 9
        guard minor == 0x30 || minor == 0x31, bytes[code - 1] == 0x20,
            line.count == 12 || bytes[code + 3] == 0x20
        else {
            throw .malformed("the status line is wrong")
        }
        var status = 0
        for index in code..<code + 3 {
            guard isDigit(bytes[index]) else { throw .malformed("the status code is no number") }
            status = status * 10 + Int(bytes[index] - 0x30)
        }
        guard status >= 100 else { throw .malformed("the status code is too small") }
        for index in line where bytes[index] < 0x20 && bytes[index] != 0x09 {
            throw .malformed("the status line has a control character")
        }
        return (status, minor == 0x31)
    }
}
