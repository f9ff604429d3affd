import Bytes
import NIOCore

/// Reads the head of a message: finds its end, splits it into lines and fields, and decides how its body is framed.
///
/// Strict by RFC 9112: lines end in CR LF, a field's name touches its colon and is a token, nothing is folded, values
/// hold no control characters. What two readers could frame differently is refused: two lengths, a length beside a
/// transfer coding, and any coding but a single `chunked`.
struct HeadParser {
    /// What the fields say about the message as a whole.
    struct Facts {
        var length: Int?
        var lengths = 0
        var codings = 0
        var isChunked = false
        var hosts = 0
        var hostIsValid = false
        var closes = false
        var keepsAlive = false
    }

    static let maximumFields = 256

    /// Bytes that were searched for the end already.
    private var searched = 0

    /// Takes the head off the front of `input`, the empty line included; nil if it has not all arrived.
    mutating func next(_ input: inout ByteBuffer, limit: Int) throws(MessageFault) -> ByteBuffer? {
        let length = input.withUnsafeReadableBytes { bytes -> Int? in
            var index = searched
            while let found = bytes.firstOffset(of: 0x0A, from: index) {
                if found >= 3, bytes[found - 1] == 0x0D, bytes[found - 2] == 0x0A, bytes[found - 3] == 0x0D {
                    return found + 1
                }
                index = found + 1
            }
            searched = bytes.count
            return nil
        }
        guard let length else {
            if input.readableBytes > limit { throw .headTooLarge }
            return nil
        }
        searched = 0
        guard length <= limit, let head = input.readSlice(length: length) else { throw .headTooLarge }
        return head
    }

    /// Splits a head.
    ///
    /// - Parameter readFirstLine: Gets the bytes and the range of the first line.
    static func parse(
        _ head: ByteBuffer, _ readFirstLine: (UnsafeRawBufferPointer, Range<Int>) throws(MessageFault) -> Void
    )
        throws(MessageFault) -> (FieldBlock, Facts)
    {
        var fields: [FieldBlock.Field] = [], facts = Facts(), fault: MessageFault?
        fields.reserveCapacity(16)
        head.withUnsafeReadableBytes { bytes in
            do throws(MessageFault) {
                var start = 0
                // The empty line that ends the head is the last two bytes; an empty line before that is no field.
                while let end = bytes.firstOffset(of: 0x0A, from: start), end < bytes.count - 1 {
                    guard end > start, bytes[end - 1] == 0x0D else {
                        throw .malformed("a line does not end in CR LF")
                    }
                    if start == 0 {
                        try readFirstLine(bytes, start..<end - 1)
                    } else {
                        if fields.count == maximumFields { throw .headTooLarge }
                        fields.append(try field(bytes, start, end - 1, &facts))
                    }
                    start = end + 1
                }
            } catch {
                fault = error
            }
        }
        if let fault { throw fault }
        return (FieldBlock(bytes: head, fields: fields), facts)
    }

    private static func field(
        _ bytes: UnsafeRawBufferPointer, _ line: Int, _ lineEnd: Int, _ facts: inout Facts
    )
        throws(MessageFault) -> FieldBlock.Field
    {
        var colon = line
        while colon < lineEnd, isTokenByte(bytes[colon]) { colon += 1 }
        guard colon > line, colon < lineEnd, bytes[colon] == 0x3A else {
            throw .malformed("a field's name is no token")
        }
        let value = bytes.trimmed(colon + 1..<lineEnd)
        if bytes.hasControlCharacter(in: value) { throw .malformed("a field has a control character") }
        let field = FieldBlock.Field(
            name: UInt16(truncatingIfNeeded: line), nameLength: UInt16(truncatingIfNeeded: colon - line),
            value: UInt16(truncatingIfNeeded: value.lowerBound),
            valueLength: UInt16(truncatingIfNeeded: value.count))
        try note(field, bytes, &facts)
        return field
    }

    /// Looks at the fields that matter to the message itself; most are told apart by the length of their name.
    private static func note(_ field: FieldBlock.Field, _ bytes: UnsafeRawBufferPointer, _ facts: inout Facts)
        throws(MessageFault)
    {
        let start = Int(field.value), count = Int(field.valueLength)
        switch field.nameLength {
        case 4 where field.isNamed("host", in: bytes):
            facts.hosts += 1
            facts.hostIsValid =
                count > 0 && count <= 255 && (start..<start + count).allSatisfy { isHostByte(bytes[$0]) }
        case 10 where field.isNamed("connection", in: bytes):
            noteOptions(bytes[start..<start + count], bytes, &facts)
        case 14 where field.isNamed("content-length", in: bytes):
            facts.lengths += 1
            var length = 0
            guard (1...15).contains(count) else { throw .malformed("content-length is no number") }
            for index in start..<start + count {
                guard isDigit(bytes[index]) else { throw .malformed("content-length is no number") }
                length = length * 10 + Int(bytes[index] - 0x30)
            }
            facts.length = length
        case 17 where field.isNamed("transfer-encoding", in: bytes):
            facts.codings += 1
            facts.isChunked = count == 7 && isEqual(bytes, start, toLowercase: "chunked", count: 7)
        default: break
        }
    }

    private static func noteOptions(
        _ value: Slice<UnsafeRawBufferPointer>, _ bytes: UnsafeRawBufferPointer, _ facts: inout Facts
    ) {
        var start = value.startIndex
        while start < value.endIndex {
            let comma = value[start...].firstIndex(of: 0x2C) ?? value.endIndex
            let option = bytes.trimmed(start..<comma), first = option.lowerBound
            switch option.count {
            case 5: if isEqual(bytes, first, toLowercase: "close", count: 5) { facts.closes = true }
            case 10:
                if isEqual(bytes, first, toLowercase: "keep-alive", count: 10) { facts.keepsAlive = true }
            default: break
            }
            start = comma + 1
        }
    }

    /// Refuses framings that two readers could understand differently.
    static func checkFraming(_ facts: Facts, isHTTP11: Bool) throws(MessageFault) {
        if facts.lengths > 1 { throw .malformed("content-length is given twice") }
        guard facts.codings > 0 else { return }
        if facts.lengths > 0 { throw .malformed("content-length and transfer-encoding exclude each other") }
        guard facts.codings == 1, facts.isChunked, isHTTP11 else {
            throw .malformed("the only transfer-encoding is chunked")
        }
    }
}
