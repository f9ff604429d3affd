/// Turns strings into their JSON form and back.
public enum JSONEscapes {
    /// The value of a string that a ``JSONCursor`` has accepted.
    static func decode(_ raw: UnsafeRawBufferPointer) -> String {
        // No escape is shorter than what it stands for.
        String(unsafeUninitializedCapacity: raw.count) { text in
            var index = 0, count = 0
            while index < raw.count {
                let end = max(raw.endOfPlainText(from: index), index + (raw[index] == 0x5C ? 0 : 1))
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
    public static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{2028}": result += "\\u2028"
            case "\u{2029}": result += "\\u2029"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
