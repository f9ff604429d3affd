/// Reading single values: each byte is looked at once, whatever it is.
extension JSONCursor {
    var byte: UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    var unexpected: JSONFault {
        JSONFault(offset < bytes.count ? .unexpectedByte : .unexpectedEnd, at: offset)
    }

    mutating func skipSpace() {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }

    mutating func scanWord(_ word: StaticString) throws(JSONFault) {
        for index in 0..<word.utf8CodeUnitCount {
            guard byte == word.utf8Start[index] else { throw unexpected }
            offset += 1
        }
    }

    // MARK: Strings

    mutating func scanString() throws(JSONFault) -> RawString {
        let start = offset + 1
        var index = start, isEscaped = false
        while true {
            index = bytes.endOfPlainText(from: index)
            guard index < bytes.count else { throw JSONFault(.unexpectedEnd, at: bytes.count) }
            switch bytes[index] {
            case 0x22:
                offset = index + 1
                return RawString(range: start..<index, isEscaped: isEscaped)
            case 0x5C:
                isEscaped = true
                index = try endOfEscape(at: index)
            default: throw JSONFault(.controlCharacter, at: index)
            }
        }
    }

    /// The offset behind the escape at `start`.
    private func endOfEscape(at start: Int) throws(JSONFault) -> Int {
        guard start + 1 < bytes.count else { throw JSONFault(.unexpectedEnd, at: bytes.count) }
        switch bytes[start + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return start + 2
        case 0x75:
            let unit = try codeUnit(at: start + 2, escape: start)
            guard unit & 0xF800 == 0xD800 else { return start + 6 }
            // A high half must be followed by a low one.
            guard unit < 0xDC00, start + 7 < bytes.count, bytes[start + 6] == 0x5C, bytes[start + 7] == 0x75
            else {
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
            guard index < bytes.count else { throw JSONFault(.unexpectedEnd, at: bytes.count) }
            guard let digit = hexDigit(bytes[index]) else { throw JSONFault(.badEscape, at: escape) }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    // MARK: Numbers

    mutating func scanNumber() throws(JSONFault) -> Range<Int> {
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

    func wholeNumber(_ range: Range<Int>) -> Int? {
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
