import Bytes

/// Turns strings into their JSON form and back.
package enum JSONEscapes {
    /// The value of a string that a ``JSONCursor`` has accepted.
    static func decode(_ raw: UnsafeRawBufferPointer) -> String {
        // No escape is shorter than what it stands for.
        String(unsafeUninitializedCapacity: raw.count) { text in
            var index = 0, count = 0
            while index < raw.count {
                let end = max(endOfPlainText(raw, from: index), index + (raw[index] == 0x5C ? 0 : 1))
                if end > index {
                    let plain = UnsafeRawBufferPointer(rebasing: raw[index..<end])
                    UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(text)[count...])
                        .copyMemory(from: plain)
                    (index, count) = (end, count + plain.count)
                } else {
                    index = decodeEscape(raw, at: index, into: text, &count)
                }
            }
            return count
        }
    }

    /// The offset of the next backslash, or of what ends plain text; characters beyond ASCII are passed over.
    private static func endOfPlainText(_ raw: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = raw.firstOffset(of: PlainTextEnds.self, from: start)
        while index < raw.count, raw[index] >= 0x80 {
            while index < raw.count, raw[index] >= 0x80 { index += 1 }
            index = raw.firstOffset(of: PlainTextEnds.self, from: index)
        }
        return index
    }

    /// Writes what the escape at `start` stands for, and returns the offset behind it.
    private static func decodeEscape(
        _ raw: UnsafeRawBufferPointer, at start: Int, into text: UnsafeMutableBufferPointer<UInt8>,
        _ count: inout Int
    ) -> Int {
        guard start + 1 < raw.count, raw[start + 1] == 0x75 else {
            text[count] = start + 1 < raw.count ? plain(raw[start + 1]) : 0x5C
            count += 1
            return min(start + 2, raw.count)
        }
        var scalar = unit(raw, at: start + 2), end = start + 6
        if scalar & 0xFC00 == 0xD800 {
            scalar = 0x10000 + (scalar & 0x3FF) << 10 + unit(raw, at: end + 2) & 0x3FF
            end += 6
        }
        for byte in UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter {
            text[count] = byte
            count += 1
        }
        return min(end, raw.count)
    }

    private static func plain(_ escape: UInt8) -> UInt8 {
        switch escape {
        case 0x62: 0x08
        case 0x66: 0x0C
        case 0x6E: 0x0A
        case 0x72: 0x0D
        case 0x74: 0x09
        default: escape
        }
    }

    private static func unit(_ raw: UnsafeRawBufferPointer, at start: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in start..<start + 4 {
            value = value << 4 | UInt32(index < raw.count ? hexDigit(raw[index]) ?? 0 : 0)
        }
        return value
    }

    /// `text` as a JSON string, quotes included.
    package static func quoted(_ text: String) -> String {
        var text = text
        return text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            // What has nothing to escape is copied as it is.
            guard bytes.contains(where: mayNeedEscape) else {
                return String(unsafeUninitializedCapacity: bytes.count + 2) { quoted in
                    let quoted = UnsafeMutableRawBufferPointer(quoted)
                    (quoted[0], quoted[bytes.count + 1]) = (0x22, 0x22)
                    UnsafeMutableRawBufferPointer(rebasing: quoted[1..<bytes.count + 1])
                        .copyMemory(from: bytes)
                    return bytes.count + 2
                }
            }
            return escaped(bytes)
        }
    }

    /// Whether a byte has to be escaped, or begins a character that may have to be.
    private static func mayNeedEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0x7F || byte == 0xE2
    }

    private static func escaped(_ bytes: UnsafeRawBufferPointer) -> String {
        var result: [UInt8] = [0x22], index = 0
        result.reserveCapacity(bytes.count + bytes.count / 8 + 16)
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case 0x22: result += [0x5C, 0x22]
            case 0x5C: result += [0x5C, 0x5C]
            case 0x0A: result += [0x5C, 0x6E]
            case 0x0D: result += [0x5C, 0x72]
            case 0x09: result += [0x5C, 0x74]
            case 0xE2 where isLineSeparator(bytes, at: index):
                result += bytes[index + 2] == 0xA8 ? #"\u2028"#.utf8 : #"\u2029"#.utf8
                index += 2
            case 0..<0x20, 0x7F:
                result += #"\u00"#.utf8
                for digit in [byte >> 4, byte & 15] {
                    result.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
                }
            default: result.append(byte)
            }
            index += 1
        }
        result.append(0x22)
        return String(decoding: result, as: UTF8.self)
    }

    /// Whether the separator of lines or of paragraphs is there (U+2028 and U+2029), which JavaScript once took for ends of
    /// lines.
    private static func isLineSeparator(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Bool {
        index + 2 < bytes.count && bytes[index + 1] == 0x80 && bytes[index + 2] & 0xFE == 0xA8
    }
}
