/// Reads JSON without building it: the caller walks the objects it cares about and skips the rest.
///
/// Everything that is walked or skipped is checked by RFC 8259, its UTF-8 included, within bounds that keep a hostile
/// text from costing more than its length: depth, number of values and length of numbers. Each byte is looked at once, so
/// the time is proportional to the length of any text. Skipping is a loop, not a recursion. The bytes must stay where they
/// are while the cursor lives, so it is only used inside `withUnsafeReadableBytes`.
@usableFromInline
package struct JSONCursor {
    /// The kinds of value, told by their first byte.
    @usableFromInline
    package enum ValueKind: Sendable, Hashable {
        case object, array, string, number, bool, null
    }

    /// A string as it stands in the text: its bytes between the quotes, escapes untouched.
    @usableFromInline
    package struct RawString: Sendable, Hashable {
        /// The offsets of the bytes between the quotes.
        @usableFromInline package var range: Range<Int>
        /// Whether escapes stand between them.
        @usableFromInline package var isEscaped: Bool

        @inlinable @inline(__always)
        init(_ range: Range<Int>, isEscaped: Bool) {
            self.range = range
            self.isEscaped = isEscaped
        }

        /// The offsets with the quotes.
        @inlinable
        package var quoted: Range<Int> { range.lowerBound - 1..<range.upperBound + 1 }
    }

    /// The deepest nesting that is read.
    @inlinable package static var maximumDepth: Int { 64 }
    /// The most values that are read.
    @inlinable package static var maximumValues: Int { 100_000 }
    /// The longest number that is read, in characters.
    @inlinable package static var maximumNumberLength: Int { 64 }

    @usableFromInline let text: JSONText
    @usableFromInline var position = 0
    @usableFromInline var depth = 0
    /// How many more values are read.
    @usableFromInline var valuesLeft: Int
    /// Set when a container was just entered, so that no comma is expected before its first part.
    @usableFromInline var isAtStart = false

    /// Begins at the first byte.
    @inlinable
    package init(_ bytes: UnsafeRawBufferPointer) {
        text = JSONText(bytes)
        valuesLeft = Self.maximumValues
    }

    /// The offset of the next byte.
    @inlinable
    package var offset: Int { position }

    // MARK: Walking

    /// The kind of the value that comes next.
    @inlinable @inline(__always)
    package mutating func peek() throws(JSONFault) -> ValueKind {
        position = text.endOfSpace(from: position)
        guard position < text.count else { throw text.unexpected(at: position) }
        switch text[position] {
        case 0x22: return .string
        case 0x7B: return .object
        case 0x5B: return .array
        case 0x2D, 0x30...0x39: return .number
        case 0x74, 0x66: return .bool
        case 0x6E: return .null
        default: throw text.unexpected(at: position)
        }
    }

    /// Enters the object that comes next. ``nextKey()`` must follow until it returns nil.
    @inlinable
    package mutating func enterObject() throws(JSONFault) { try enter(0x7B) }

    /// Enters the array that comes next. ``nextElement()`` must follow until it returns false.
    @inlinable
    package mutating func enterArray() throws(JSONFault) { try enter(0x5B) }

    /// Goes to the next member of the object and returns its key; leaves the object and returns nil at its end.
    /// The member's value must be read or skipped before the next call.
    @inlinable
    package mutating func nextKey() throws(JSONFault) -> RawString? {
        guard try advance(closing: 0x7D) else { return nil }
        return try readKey()
    }

    @inlinable @inline(__always)
    mutating func readKey() throws(JSONFault) -> RawString {
        let key = try readString()
        position = text.endOfSpace(from: position)
        guard text.has(0x3A, at: position) else { throw text.unexpected(at: position) }
        position &+= 1
        return key
    }

    /// Like ``nextKey()``, and tells which of the `keys` it is. Escapes are decoded, so that no other spelling of a name
    /// goes by unseen.
    @inlinable
    package mutating func nextKey<Member>(of keys: JSONKeys<Member>) throws(JSONFault) -> JSONKey<Member>? {
        guard try advance(closing: 0x7D) else { return nil }
        let string = try readKey()
        return JSONKey(name(string, among: keys), string)
    }

    /// Goes to the next element of the array; leaves the array and returns false at its end.
    @inlinable @inline(__always)
    package mutating func nextElement() throws(JSONFault) -> Bool {
        try advance(closing: 0x5D)
    }

    /// Throws unless only white space is left.
    @inlinable
    package mutating func finish() throws(JSONFault) {
        position = text.endOfSpace(from: position)
        if position < text.count { throw JSONFault(.trailingBytes, at: position) }
    }

    // MARK: Values

    /// Reads the string that comes next.
    @inlinable @inline(__always)
    package mutating func readString() throws(JSONFault) -> RawString {
        position = text.endOfSpace(from: position)
        guard text.has(0x22, at: position) else { throw text.unexpected(at: position) }
        try countValue()
        let start = position &+ 1
        let end = try text.endOfString(from: start)
        position = end.quote &+ 1
        return RawString(Range(uncheckedBounds: (start, end.quote)), isEscaped: end.isEscaped)
    }

    /// The string whose first byte is at `start`, behind its opening quote; nil if it is none to its end.
    @inlinable
    package static func string(in bytes: UnsafeRawBufferPointer, from start: Int) -> RawString? {
        guard let end = try? JSONText(bytes).endOfString(from: start) else { return nil }
        return RawString(Range(uncheckedBounds: (start, end.quote)), isEscaped: end.isEscaped)
    }

    /// Reads the number that comes next, as text.
    @inlinable @inline(__always)
    package mutating func readNumber() throws(JSONFault) -> Range<Int> {
        position = text.endOfSpace(from: position)
        try countValue()
        let start = position
        position = try text.endOfNumber(at: start)
        return Range(uncheckedBounds: (start, position))
    }

    /// Reads the number that comes next if it is a whole one that fits; nil for any other number.
    package mutating func readInt() throws(JSONFault) -> Int? {
        text.wholeNumber(try readNumber())
    }

    /// Reads the `true` or `false` that comes next.
    @inlinable
    package mutating func readBool() throws(JSONFault) -> Bool {
        position = text.endOfSpace(from: position)
        try countValue()
        let isTrue = text.has(0x74, at: position)
        guard isTrue || text.has(0x66, at: position) else { throw text.unexpected(at: position) }
        position =
            isTrue
            ? try text.end(of: "true", 0x6575_7274, at: position)
            : try text.end(of: "false", 0x6573_6C61, at: position)
        return isTrue
    }

    /// Reads the `null` that comes next.
    @inlinable
    package mutating func readNull() throws(JSONFault) {
        position = text.endOfSpace(from: position)
        try countValue()
        position = try text.end(of: "null", 0x6C6C_756E, at: position)
    }

    /// Passes over the value that comes next, checking it.
    package mutating func skipValue() throws(JSONFault) {
        // A copy, so that it can be kept in registers meanwhile.
        var cursor = self
        // One bit for each container that is open here: 1 for an object, 0 for an array.
        var containers: UInt64 = 0
        while true {
            switch try cursor.peek() {
            case .string: _ = try cursor.readString()
            case .number: _ = try cursor.readNumber()
            case .object:
                try cursor.enterObject()
                containers = containers << 1 | 1
            case .array:
                try cursor.enterArray()
                containers <<= 1
            case .bool: _ = try cursor.readBool()
            case .null: try cursor.readNull()
            }
            // Leave what ends here, then go to the next value.
            while true {
                if cursor.depth == depth {
                    self = cursor
                    return
                }
                if containers & 1 == 0 {
                    if try cursor.nextElement() { break }
                } else if try cursor.advance(closing: 0x7D) {
                    _ = try cursor.readKey()
                    break
                }
                containers >>= 1
            }
        }
    }

    // MARK: Text

    /// Which of the words a string's value is; nil if it is none of them. Escapes are decoded.
    @inlinable
    package func word<Word>(_ string: RawString, among words: JSONKeys<Word>) -> Word? {
        name(string, among: words)?.member
    }

    @inlinable
    func name<Member>(_ string: RawString, among keys: JSONKeys<Member>) -> JSONKeys<Member>.Name? {
        if string.isEscaped { return escapedName(string, among: keys) }
        return keys.name(of: text.bytes, string.range)
    }

    @usableFromInline
    func escapedName<Member>(
        _ string: RawString, among keys: JSONKeys<Member>
    ) -> JSONKeys<Member>.Name? {
        // An escape is six bytes for one at most, so longer ones are no known name and need not be decoded.
        guard string.range.count <= 6 * keys.longest else { return nil }
        return Array(decode(string).utf8).withUnsafeBytes { keys.name(of: $0, 0..<$0.count) }
    }

    /// The string's value, escapes decoded.
    package func decode(_ string: RawString) -> String {
        let raw = UnsafeRawBufferPointer(rebasing: text.bytes[string.range])
        guard string.isEscaped else { return String(decoding: raw, as: UTF8.self) }
        return JSONEscapes.decode(raw)
    }

    /// The beginning of the string's value: what its first `most` bytes stand for.
    package func decode(_ string: RawString, most: Int) -> String {
        let end = min(string.range.upperBound, string.range.lowerBound + max(0, most))
        return decode(RawString(string.range.lowerBound..<end, isEscaped: string.isEscaped))
    }

    // MARK: Containers

    @inlinable @inline(__always)
    mutating func enter(_ opening: UInt8) throws(JSONFault) {
        position = text.endOfSpace(from: position)
        guard text.has(opening, at: position) else { throw text.unexpected(at: position) }
        try countValue()
        depth &+= 1
        if depth > Self.maximumDepth { throw JSONFault(.tooDeep, at: position) }
        position &+= 1
        isAtStart = true
    }

    @inlinable @inline(__always)
    mutating func advance(closing: UInt8) throws(JSONFault) -> Bool {
        position = text.endOfSpace(from: position)
        let isFirst = isAtStart
        isAtStart = false
        guard position < text.count else { throw text.unexpected(at: position) }
        let byte = text[position]
        if byte == closing {
            position &+= 1
            depth &-= 1
            return false
        }
        guard !isFirst else { return true }
        guard byte == 0x2C else { throw text.unexpected(at: position) }
        position = text.endOfSpace(from: position &+ 1)
        // A comma before the end is caught when the key or value is read.
        if text.has(closing, at: position) { throw text.unexpected(at: position) }
        return true
    }

    @inlinable @inline(__always)
    mutating func countValue() throws(JSONFault) {
        valuesLeft &-= 1
        if valuesLeft < 0 { throw JSONFault(.tooManyValues, at: position) }
    }
}
