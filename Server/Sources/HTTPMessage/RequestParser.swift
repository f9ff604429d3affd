public import NIOCore

/// The head of a request.
public struct RequestHead: Sendable {
    let methodLength: Int
    let target: Range<Int>
    /// The length of the path, which the target begins with.
    let pathLength: Int
    /// The header fields.
    public let fields: FieldBlock
    /// Whether the version is HTTP/1.1, not 1.0.
    public let isHTTP11: Bool
    /// Whether the connection takes another request after this one.
    public let keepsAlive: Bool
    /// The length of the body, if it is known.
    public let length: Int?
    /// Whether a body follows in chunks.
    public let isChunked: Bool

    /// The method as it was sent.
    public var method: String { text(0..<methodLength) }

    /// The path as it was sent: never decoded or normalised, so that what is compared is what was sent.
    public var path: String { text(target.lowerBound..<target.lowerBound + pathLength) }

    /// What follows the question mark; empty if nothing does.
    public var query: String {
        pathLength == target.count ? "" : text(target.lowerBound + pathLength + 1..<target.upperBound)
    }

    /// The last segment of the path.
    public var lastSegment: Substring {
        let path = path
        return path.lastIndex(of: "/").map { path[path.index(after: $0)...] } ?? ""
    }

    /// Calls `body` with the bytes of the method, which are those of a token, and of the path, which are visible ASCII.
    public func withLine<Result>(
        _ body: (_ method: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer) -> Result
    ) -> Result {
        fields.bytes.withUnsafeReadableBytes { bytes in
            let start = target.lowerBound
            return body(
                UnsafeRawBufferPointer(rebasing: bytes[..<methodLength]),
                UnsafeRawBufferPointer(rebasing: bytes[start..<start + pathLength]))
        }
    }

    /// The value of the first field with that lower-case name.
    public subscript(name: StaticString) -> String? { fields[name] }

    /// Whether the method is exactly that.
    public func isMethod(_ name: StaticString) -> Bool { matches(0, methodLength, name) }

    /// Whether the path is exactly that.
    public func isPath(_ path: StaticString) -> Bool { matches(target.lowerBound, pathLength, path) }

    /// Whether the path is exactly that, a slash, and one more segment that is not empty.
    public func isPath(under parent: StaticString) -> Bool {
        let count = parent.utf8CodeUnitCount
        guard pathLength > count + 1, matches(target.lowerBound, count, parent) else { return false }
        return fields.bytes.withUnsafeReadableBytes { bytes in
            let rest = bytes[target.lowerBound + count..<target.lowerBound + pathLength]
            return rest.first == 0x2F && !rest.dropFirst().contains(0x2F)
        }
    }

    private func matches(_ start: Int, _ count: Int, _ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return fields.bytes.withUnsafeReadableBytes { bytes in
            (0..<count).allSatisfy { bytes[start + $0] == text.utf8Start[$0] }
        }
    }

    private func text(_ range: Range<Int>) -> String {
        fields.bytes.withUnsafeReadableBytes {
            String(decoding: UnsafeRawBufferPointer(rebasing: $0[range]), as: UTF8.self)
        }
    }
}

/// Reads the requests of a connection, one after the other (RFC 9112), strictly and within bounds.
///
/// Besides what every message must be: the target must be a path of visible ASCII without a fragment, an HTTP/1.1 request
/// must name exactly one host, and that must look like one.
public struct RequestParser {
    private static let maximumTarget = 8192

    private let maximumHead: Int
    private var headParser = HeadParser()
    /// Whether the empty line that may stand before a request was there.
    private var skippedLine = false
    private var body = BodyParser.empty

    /// - Parameter maximumHead: The longest head in bytes; at most 64 KiB.
    public init(maximumHead: Int = 64 * 1024) {
        self.maximumHead = min(maximumHead, 0xFFFF)
    }

    /// Reads the head of the next request; nil if it has not all arrived.
    public mutating func readHead(_ input: inout ByteBuffer) throws(MessageFault) -> RequestHead? {
        // An empty line before a request is left over from a careless client (RFC 9112, section 2.2). Only one is
        // skipped, so that what is accepted does not depend on how the bytes arrive.
        if !skippedLine, input.getInteger(at: input.readerIndex, as: UInt16.self) == 0x0D0A {
            input.moveReaderIndex(forwardBy: 2)
            headParser = HeadParser()
            skippedLine = true
        }
        guard let raw = try headParser.next(&input, limit: maximumHead) else { return nil }
        skippedLine = false
        var line = (methodLength: 0, target: 0..<0, pathLength: 0, isHTTP11: false)
        let (fields, facts) = try HeadParser.parse(raw) { (bytes, range) throws(MessageFault) in
            line = try Self.requestLine(bytes, range)
        }
        guard line.methodLength > 0 else { throw .malformed("there is no request line") }
        try HeadParser.checkFraming(facts, isHTTP11: line.isHTTP11)
        guard facts.hosts == 1 || facts.hosts == 0 && !line.isHTTP11 else {
            throw .malformed("exactly one host is needed")
        }
        guard facts.hosts == 0 || facts.hostIsValid else { throw .malformed("host is no host name") }
        body = facts.isChunked ? .chunked : .fixed(facts.length ?? 0)
        return RequestHead(
            methodLength: line.methodLength, target: line.target, pathLength: line.pathLength,
            fields: fields, isHTTP11: line.isHTTP11, keepsAlive: line.isHTTP11 && !facts.closes,
            length: facts.isChunked ? nil : facts.length ?? 0, isChunked: facts.isChunked)
    }

    /// Reads the body of the request whose head was read last.
    ///
    /// - Returns: Whether it is complete.
    public mutating func readBody(_ input: inout ByteBuffer, into bytes: inout ByteBuffer)
        throws(MessageFault) -> Bool
    {
        try body.read(&input, into: &bytes)
    }

    private static func requestLine(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(MessageFault)
        -> (Int, Range<Int>, Int, Bool)
    {
        var index = line.lowerBound
        while index < line.upperBound, isTokenByte(bytes[index]) { index += 1 }
        guard index > line.lowerBound, index - line.lowerBound <= 32, index < line.upperBound,
            bytes[index] == 0x20
        else {
            throw .malformed("the request has no method")
        }
        let start = index + 1
        guard start < line.upperBound, bytes[start] == 0x2F else {
            throw .malformed("the request's target is no path")
        }
        index = start
        var pathEnd: Int?
        while index < line.upperBound, bytes[index] > 0x20, bytes[index] < 0x7F {
            if bytes[index] == 0x23 { throw .malformed("the request's target has a fragment") }
            if bytes[index] == 0x3F, pathEnd == nil { pathEnd = index }
            index += 1
        }
        guard index - start <= maximumTarget else { throw .malformed("the request's target is too long") }
        let version = index + 1
        guard index < line.upperBound, bytes[index] == 0x20, line.upperBound - version == 8,
            bytes[version] == 0x48,
            bytes[version + 1] == 0x54, bytes[version + 2] == 0x54, bytes[version + 3] == 0x50,
            bytes[version + 4] == 0x2F
        else {
            throw .malformed("the request line is wrong")
        }
        guard bytes[version + 5] == 0x31, bytes[version + 6] == 0x2E,
            bytes[version + 7] == 0x30 || bytes[version + 7] == 0x31
        else {
            throw .unknownVersion
        }
        return (
            start - 1 - line.lowerBound, start..<index, (pathEnd ?? index) - start, bytes[version + 7] == 0x31
        )
    }
}
