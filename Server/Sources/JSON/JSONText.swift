public import Bytes

/// A text in memory, and the reading of single values in it: each byte is looked at once, whatever it is.
///
/// Nothing here remembers where a reader stands, so that its place can be kept in registers.
@usableFromInline
struct JSONText {
    @usableFromInline let start: UnsafeRawPointer
    @usableFromInline let count: Int

    @inlinable @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty text may have no address; none is read.
        start = bytes.baseAddress ?? UnsafeRawPointer(("" as StaticString).utf8Start)
        count = bytes.count
    }

    @inlinable @inline(__always)
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// The byte at an offset, which must be there.
    @inlinable @inline(__always)
    subscript(offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < count)
        return start.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// Whether that byte is there.
    @inlinable @inline(__always)
    func has(_ byte: UInt8, at offset: Int) -> Bool { offset < count && self[offset] == byte }

    /// The offset of the first byte at or after `offset` that is no white space.
    @inlinable @inline(__always)
    func endOfSpace(from offset: Int) -> Int {
        var offset = offset
        while offset < count, self[offset] <= 0x20, isSpace(self[offset]) { offset &+= 1 }
        return offset
    }

    @inlinable @inline(__always)
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// The fault of a byte that should not be where it is, or of an end that comes too early.
    @usableFromInline
    func unexpected(at offset: Int) -> JSONFault {
        JSONFault(offset < count ? .unexpectedByte : .unexpectedEnd, at: offset)
    }

    /// The offset behind a word such as `true` that must stand there.
    @inlinable @inline(__always)
    func end(of word: StaticString, _ bytes: UInt32, at start: Int) throws(JSONFault) -> Int {
        // The last four bytes at once; the first of five was seen before.
        let last = start &+ word.utf8CodeUnitCount &- 4
        if last &+ 4 <= count,
            UInt32(littleEndian: self.start.loadUnaligned(fromByteOffset: last, as: UInt32.self)) == bytes
        {
            return last &+ 4
        }
        return try end(of: word, at: start)
    }

    /// The offset behind a word, or what is wrong with it.
    @usableFromInline
    func end(of word: StaticString, at start: Int) throws(JSONFault) -> Int {
        for index in 0..<word.utf8CodeUnitCount where !has(word.utf8Start[index], at: start + index) {
            throw unexpected(at: start + index)
        }
        return start + word.utf8CodeUnitCount
    }

    // MARK: Strings

    /// The end of a string and whether it holds escapes.
    @usableFromInline
    struct StringEnd {
        /// The offset of the closing quote.
        @usableFromInline var quote: Int
        @usableFromInline var isEscaped: Bool

        @inlinable @inline(__always)
        init(quote: Int, isEscaped: Bool) {
            self.quote = quote
            self.isEscaped = isEscaped
        }
    }

    /// The end of a string whose first byte is at `start`, behind the opening quote.
    @inlinable @inline(__always)
    func endOfString(from start: Int) throws(JSONFault) -> StringEnd {
        let end = bytes.firstOffset(of: PlainTextEnds.self, from: start)
        if has(0x22, at: end) { return StringEnd(quote: end, isEscaped: false) }
        return try endOfString(plainTo: end)
    }

    /// The end of a string that was plain up to `end`.
    @usableFromInline
    func endOfString(plainTo end: Int) throws(JSONFault) -> StringEnd {
        var index = end, isEscaped = false
        while index < count {
            let byte = self[index]
            if byte == 0x5C {
                isEscaped = true
                index = try endOfEscape(at: index)
            } else if byte >= 0x80 {
                guard let next = bytes.endOfCharacters(from: index) else {
                    throw JSONFault(.notUTF8, at: index)
                }
                index = next
            } else if byte == 0x22 {
                return StringEnd(quote: index, isEscaped: isEscaped)
            } else if byte < 0x20 {
                throw JSONFault(.controlCharacter, at: index)
            } else {
                index = bytes.nearOffset(of: PlainTextEnds.self, from: index)
            }
        }
        throw JSONFault(.unexpectedEnd, at: count)
    }

    /// The offset behind the escape at `start`.
    private func endOfEscape(at start: Int) throws(JSONFault) -> Int {
        guard start + 1 < count else { throw JSONFault(.unexpectedEnd, at: count) }
        switch self[start + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return start + 2
        case 0x75:
            let unit = try codeUnit(at: start + 2, escape: start)
            guard unit & 0xF800 == 0xD800 else { return start + 6 }
            // A high half must be followed by a low one.
            guard unit < 0xDC00, has(0x5C, at: start + 6), has(0x75, at: start + 7) else {
                throw JSONFault(.loneSurrogate, at: start)
            }
            let low = try codeUnit(at: start + 8, escape: start)
            guard low & 0xFC00 == 0xDC00 else { throw JSONFault(.loneSurrogate, at: start) }
            return start + 12
        default: throw JSONFault(.badEscape, at: start)
        }
    }

    /// The four hexadecimal digits at `start`.
    private func codeUnit(at start: Int, escape: Int) throws(JSONFault) -> UInt32 {
        var value: UInt32 = 0
        for index in start..<start + 4 {
            guard index < count else { throw JSONFault(.unexpectedEnd, at: count) }
            guard let digit = hexDigit(self[index]) else { throw JSONFault(.badEscape, at: escape) }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    // MARK: Numbers

    /// The offset behind the number at `start`.
    @inlinable @inline(__always)
    func endOfNumber(at start: Int) throws(JSONFault) -> Int {
        // Most numbers are whole, not negative and short.
        var index = start
        while index < count, isDigit(self[index]) { index &+= 1 }
        let digits = index &- start
        if digits > 0, digits < 20, digits == 1 || self[start] != 0x30, !goesOnAsNumber(at: index) {
            return index
        }
        return try endOfAnyNumber(at: start)
    }

    @inlinable @inline(__always)
    func goesOnAsNumber(at index: Int) -> Bool {
        index < count && (self[index] == 0x2E || self[index] | 0x20 == 0x65)
    }

    @usableFromInline
    func endOfAnyNumber(at start: Int) throws(JSONFault) -> Int {
        var index = start
        if has(0x2D, at: index) { index += 1 }
        if has(0x30, at: index) { index += 1 } else { index = try endOfDigits(at: index, ofNumberAt: start) }
        if has(0x2E, at: index) { index = try endOfDigits(at: index + 1, ofNumberAt: start) }
        guard index < count, self[index] | 0x20 == 0x65 else { return index }
        index += 1
        if has(0x2B, at: index) || has(0x2D, at: index) { index += 1 }
        index = try endOfDigits(at: index, ofNumberAt: start)
        // At most 64 characters without an exponent cannot exceed a double.
        if !isFinite(start..<index) { throw JSONFault(.numberTooLarge, at: start) }
        return index
    }

    private func endOfDigits(at first: Int, ofNumberAt start: Int) throws(JSONFault) -> Int {
        guard first < count, isDigit(self[first]) else {
            throw first < count ? JSONFault(.badNumber, at: first) : unexpected(at: first)
        }
        var index = first
        while index < count, isDigit(self[index]) {
            index += 1
            if index - start > JSONCursor.maximumNumberLength { throw JSONFault(.numberTooLong, at: start) }
        }
        return index
    }

    private func isFinite(_ range: Range<Int>) -> Bool {
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
        return Double(text)?.isFinite ?? false
    }

    /// The whole number that stands there; nil if it is none, or too large.
    func wholeNumber(_ range: Range<Int>) -> Int? {
        var value = 0, index = range.lowerBound
        let negative = self[index] == 0x2D
        if negative { index += 1 }
        while index < range.upperBound {
            guard isDigit(self[index]) else { return nil }
            let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (next, stillTooLarge) = tens.addingReportingOverflow(Int(self[index] - 0x30))
            if tooLarge || stillTooLarge { return nil }
            value = next
            index += 1
        }
        return negative ? -value : value
    }
}
