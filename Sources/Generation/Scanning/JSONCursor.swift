/// What is wrong with a JSON text, and where.
public struct JSONFault: Error, Sendable, Hashable {
    /// The kinds of fault.
    public enum Kind: String, Sendable, Hashable {
        case unexpectedEnd = "ends too early"
        case unexpectedByte = "has an unexpected character"
        case controlCharacter = "has a control character inside a string"
        case badEscape = "has an invalid escape sequence"
        case loneSurrogate = "has half of a surrogate pair"
        case badNumber = "has an invalid number"
        case numberTooLong = "has a number of more than 64 characters"
        case numberTooLarge = "has a number that does not fit a double"
        case tooDeep = "is nested too deeply"
        case tooManyValues = "has too many values"
        case duplicateKey = "has a key twice"
        case trailingBytes = "goes on after its end"
        case notUTF8 = "is not valid UTF-8"
        case wrongType = "has a value of the wrong type"
    }

    /// What is wrong.
    public var kind: Kind
    /// The offset of the byte at which it was noticed.
    public var offset: Int

    /// Creates a mistake of a kind at a byte offset.
    public init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}

/// Reads JSON without building it: the caller walks the objects it cares about and skips the rest.
///
/// Everything that is walked or skipped is checked by RFC 8259, within bounds that keep a hostile text from costing
/// more than its length: depth, number of values and length of numbers. Skipping is a loop, not a recursion. The bytes
/// must stay where they are while the cursor lives, so it is only used inside `withUnsafeReadableBytes`.
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

    private let bytes: UnsafeRawBufferPointer
    /// The offset of the next byte.
    public private(set) var offset = 0
    private var depth = 0
    private var values = 0

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
        return Array(decode(string).utf8).withUnsafeBytes(keys.index)
    }

    /// The string's value, escapes decoded.
    public func decode(_ string: RawString) -> String {
        let raw = UnsafeRawBufferPointer(rebasing: bytes[string.range])
        guard string.isEscaped else { return String(decoding: raw, as: UTF8.self) }
        return JSONEscapes.decode(raw)
    }

    // MARK: Scanning

    private var byte: UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    private var unexpected: JSONFault {
        JSONFault(offset < bytes.count ? .unexpectedByte : .unexpectedEnd, at: offset)
    }

    private mutating func skipSpace() {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }

    private mutating func countValue() throws(JSONFault) {
        values += 1
        if values > Self.maximumValues { throw JSONFault(.tooManyValues, at: offset) }
    }

    /// Set when a container was just entered, so that no comma is expected before its first part.
    private var atStart = false

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

    private mutating func scanWord(_ word: StaticString) throws(JSONFault) {
        for index in 0..<word.utf8CodeUnitCount {
            guard byte == word.utf8Start[index] else { throw unexpected }
            offset += 1
        }
    }

    private mutating func scanString() throws(JSONFault) -> RawString {
        offset += 1
        let start = offset
        var isEscaped = false
        while true {
            guard let quote = bytes.firstOffset(of: 0x22, from: offset) else {
                try checkPlainText(offset..<bytes.count)
                throw JSONFault(.unexpectedEnd, at: bytes.count)
            }
            // Escapes are rare: only where one comes before the quote is the text read piece by piece.
            guard let escape = bytes.firstOffset(of: 0x5C, from: offset, to: quote) else {
                try checkPlainText(offset..<quote)
                offset = quote + 1
                return RawString(range: start..<quote, isEscaped: isEscaped)
            }
            try checkPlainText(offset..<escape)
            isEscaped = true
            offset = escape
            try scanEscape()
        }
    }

    /// Throws if there is a control character, eight bytes at a time.
    private func checkPlainText(_ range: Range<Int>) throws(JSONFault) {
        let ones: UInt64 = 0x0101_0101_0101_0101, highs: UInt64 = 0x8080_8080_8080_8080
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // A high bit is set in each byte that is below 0x20 (a variant of Mycroft's zero-byte test).
            if (word &- ones &* 0x20) & ~word & highs != 0 { break }
            index += 8
        }
        while index < range.upperBound {
            if bytes[index] < 0x20 { throw JSONFault(.controlCharacter, at: index) }
            index += 1
        }
    }

    private mutating func scanEscape() throws(JSONFault) {
        let start = offset
        offset += 1
        switch byte {
        case 0x22?, 0x5C?, 0x2F?, 0x62?, 0x66?, 0x6E?, 0x72?, 0x74?: offset += 1
        case 0x75?:
            offset += 1
            let unit = try scanFourDigits(start)
            guard unit & 0xF800 == 0xD800 else { return }
            // A high half must be followed by a low one.
            guard unit < 0xDC00, byte == 0x5C, offset + 1 < bytes.count, bytes[offset + 1] == 0x75 else {
                throw JSONFault(.loneSurrogate, at: start)
            }
            offset += 2
            let low = try scanFourDigits(start)
            guard low & 0xFC00 == 0xDC00 else { throw JSONFault(.loneSurrogate, at: start) }
        case nil: throw JSONFault(.unexpectedEnd, at: offset)
        default: throw JSONFault(.badEscape, at: start)
        }
    }

    private mutating func scanFourDigits(_ start: Int) throws(JSONFault) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte else { throw JSONFault(.unexpectedEnd, at: offset) }
            guard let digit = hexDigit(byte) else { throw JSONFault(.badEscape, at: start) }
            value = value << 4 | UInt16(digit)
            offset += 1
        }
        return value
    }

    private mutating func scanNumber() throws(JSONFault) -> Range<Int> {
        let start = offset
        if byte == 0x2D { offset += 1 }
        if byte == 0x30 { offset += 1 } else { try scanDigits(start) }
        var hasExponent = false
        if byte == 0x2E {
            offset += 1
            try scanDigits(start)
        }
        if byte == 0x65 || byte == 0x45 {
            hasExponent = true
            offset += 1
            if byte == 0x2B || byte == 0x2D { offset += 1 }
            try scanDigits(start)
        }
        // At most 64 characters without an exponent cannot exceed a double.
        if hasExponent, !isFinite(start..<offset) { throw JSONFault(.numberTooLarge, at: start) }
        return start..<offset
    }

    private mutating func scanDigits(_ start: Int) throws(JSONFault) {
        guard let first = byte, isDigit(first) else {
            throw byte == nil ? unexpected : JSONFault(.badNumber, at: offset)
        }
        while let next = byte, isDigit(next) {
            offset += 1
            if offset - start > Self.maximumNumberLength { throw JSONFault(.numberTooLong, at: start) }
        }
    }

    private func isFinite(_ range: Range<Int>) -> Bool {
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
        return Double(text)?.isFinite ?? false
    }

    private func wholeNumber(_ range: Range<Int>) -> Int? {
        var value = 0, index = range.lowerBound
        let negative = bytes[index] == 0x2D
        if negative { index += 1 }
        while index < range.upperBound {
            guard isDigit(bytes[index]) else { return nil }
            let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (next, stillTooLarge) = tens.addingReportingOverflow(Int(bytes[index] - 0x30))
            if tooLarge || stillTooLarge { return nil }
            value = next
            index += 1
        }
        return negative ? -value : value
    }
}

private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

/// The value of a hexadecimal digit.
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
}
