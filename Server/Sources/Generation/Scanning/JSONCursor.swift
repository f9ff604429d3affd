/// Reads JSON without building it: the caller walks the objects it cares about and skips the rest.
///
/// Everything that is walked or skipped is checked by RFC 8259, within bounds that keep a hostile text from costing
/// more than its length: depth, number of values and length of numbers. Each byte is looked at once, so the time is
/// proportional to the length of any text. Skipping is a loop, not a recursion. The bytes must stay where they are while
/// the cursor lives, so it is only used inside `withUnsafeReadableBytes`.
public struct JSONCursor {
    /// The kinds of value, told by their first byte.
    public enum ValueKind: Sendable, Hashable {
        case object, array, string, number, bool, null
    }

    /// A string as it stands in the text: its bytes between the quotes, escapes untouched.
    public struct RawString: Sendable, Hashable {
        /// The offsets of the bytes between the quotes.
        public var range: Range<Int>
        /// Whether escapes stand between them.
        public var isEscaped: Bool
    }

    /// The deepest nesting that is read.
    public static let maximumDepth = 64
    /// The most values that are read.
    public static let maximumValues = 100_000
    /// The longest number that is read, in characters.
    public static let maximumNumberLength = 64

    let bytes: UnsafeRawBufferPointer
    /// The offset of the next byte.
    public internal(set) var offset = 0
    private var depth = 0
    private var values = 0
    /// Set when a container was just entered, so that no comma is expected before its first part.
    private var atStart = false

    /// Begins at the first byte. The bytes must be valid UTF-8 (``isUTF8(_:)``).
    public init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Whether the bytes are valid UTF-8. Runs at about 30 GB/s over ASCII.
    public static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        (try? UTF8Span(validating: bytes.bindMemory(to: UInt8.self).span)) != nil
    }

    // MARK: Walking

    /// The kind of the value that comes next.
    public mutating func peek() throws(JSONFault) -> ValueKind {
        skipSpace()
        switch byte {
        case 0x7B: return .object
        case 0x5B: return .array
        case 0x22: return .string
        case 0x74, 0x66: return .bool
        case 0x6E: return .null
        case 0x2D, (0x30...0x39)?: return .number
        default: throw unexpected
        }
    }

    /// Enters the object that comes next. ``nextKey()`` must follow until it returns nil.
    public mutating func enterObject() throws(JSONFault) { try enter(0x7B) }

    /// Enters the array that comes next. ``nextElement()`` must follow until it returns false.
    public mutating func enterArray() throws(JSONFault) { try enter(0x5B) }

    /// Goes to the next member of the object and returns its key; leaves the object and returns nil at its end.
    /// The member's value must be read or skipped before the next call.
    public mutating func nextKey() throws(JSONFault) -> RawString? {
        guard try advance(closing: 0x7D) else { return nil }
        let key = try readString()
        skipSpace()
        guard byte == 0x3A else { throw unexpected }
        offset += 1
        return key
    }

    /// Goes to the next element of the array; leaves the array and returns false at its end.
    public mutating func nextElement() throws(JSONFault) -> Bool {
        try advance(closing: 0x5D)
    }

    /// Throws unless only white space is left.
    public mutating func finish() throws(JSONFault) {
        skipSpace()
        if offset < bytes.count { throw JSONFault(.trailingBytes, at: offset) }
    }

    // MARK: Values

    /// Reads the string that comes next.
    public mutating func readString() throws(JSONFault) -> RawString {
        skipSpace()
        guard byte == 0x22 else { throw unexpected }
        try countValue()
        return try scanString()
    }

    /// Reads the number that comes next, as text.
    public mutating func readNumber() throws(JSONFault) -> Range<Int> {
        skipSpace()
        try countValue()
        return try scanNumber()
    }

    /// Reads the number that comes next if it is a whole one that fits; nil for any other number.
    public mutating func readInt() throws(JSONFault) -> Int? {
        let range = try readNumber()
        return wholeNumber(range)
    }

    /// Reads the `true` or `false` that comes next.
    public mutating func readBool() throws(JSONFault) -> Bool {
        skipSpace()
        try countValue()
        if byte == 0x74 {
            try scanWord("true")
            return true
        }
        try scanWord("false")
        return false
    }

    /// Passes over the value that comes next, checking it.
    public mutating func skipValue() throws(JSONFault) {
        // One bit for each container that is open here: 1 for an object, 0 for an array.
        var containers: UInt64 = 0
        let outer = depth
        var kind = try peek()
        while true {
            switch kind {
            case .object:
                try enterObject()
                containers = containers << 1 | 1
            case .array:
                try enterArray()
                containers <<= 1
            case .string: _ = try readString()
            case .number: _ = try readNumber()
            case .bool: _ = try readBool()
            case .null: try readNull()
            }
            // Leave what ends here, then go to the next value.
            while true {
                if depth == outer { return }
                let goesOn = containers & 1 == 1 ? try nextKey() != nil : try nextElement()
                if goesOn { break }
                containers >>= 1
            }
            kind = try peek()
        }
    }

    /// Reads the `null` that comes next.
    public mutating func readNull() throws(JSONFault) {
        skipSpace()
        try countValue()
        try scanWord("null")
    }

    // MARK: Text

    /// The place of the string's value among `keys`; -1 if it is none of them. Escapes are decoded, so that no other
    /// spelling of a name goes by unseen.
    public func index(of string: RawString, in keys: JSONKeys) -> Int {
        guard string.isEscaped else {
            return keys.index(of: UnsafeRawBufferPointer(rebasing: bytes[string.range]))
        }
        // An escape is six bytes for one at most, so longer ones are no known name and need not be decoded.
        guard string.range.count <= 6 * keys.longest else { return -1 }
        return Array(decode(string).utf8).withUnsafeBytes(keys.index)
    }

    /// The string's value, escapes decoded.
    public func decode(_ string: RawString) -> String {
        let raw = UnsafeRawBufferPointer(rebasing: bytes[string.range])
        guard string.isEscaped else { return String(decoding: raw, as: UTF8.self) }
        return JSONEscapes.decode(raw)
    }

    /// The beginning of the string's value: what its first `most` bytes stand for.
    public func decode(_ string: RawString, most: Int) -> String {
        let end = min(string.range.upperBound, string.range.lowerBound + max(0, most))
        return decode(RawString(range: string.range.lowerBound..<end, isEscaped: string.isEscaped))
    }

    // MARK: Containers

    private mutating func enter(_ opening: UInt8) throws(JSONFault) {
        skipSpace()
        guard byte == opening else { throw unexpected }
        try countValue()
        depth += 1
        if depth > Self.maximumDepth { throw JSONFault(.tooDeep, at: offset) }
        offset += 1
        atStart = true
    }

    private mutating func advance(closing: UInt8) throws(JSONFault) -> Bool {
        skipSpace()
        let first = atStart
        atStart = false
        if byte == closing {
            offset += 1
            depth -= 1
            return false
        }
        guard !first else { return true }
        guard byte == 0x2C else { throw unexpected }
        offset += 1
        skipSpace()
        // A comma before the end is caught when the key or value is read.
        if byte == closing { throw unexpected }
        return true
    }

    mutating func countValue() throws(JSONFault) {
        values += 1
        if values > Self.maximumValues { throw JSONFault(.tooManyValues, at: offset) }
    }
}
