/// Turns strings into their JSON form and back.
public enum JSONEscapes {
    /// The value of a string that a ``JSONCursor`` has accepted.
    static func decode(_ raw: UnsafeRawBufferPointer) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            guard raw[index] == 0x5C, index + 1 < raw.count else {
                bytes.append(raw[index])
                index += 1
                continue
            }
            let escape = raw[index + 1]
            index += 2
            guard escape == 0x75 else {
                bytes.append(plain(escape))
                continue
            }
            var scalar = UInt32(unit(raw, at: index))
            index += 4
            if scalar & 0xFC00 == 0xD800 {
                scalar = 0x10000 + (scalar & 0x3FF) << 10 + UInt32(unit(raw, at: index + 2)) & 0x3FF
                index += 6
            }
            bytes += Array(String(Unicode.Scalar(scalar).map { Character($0) } ?? "\u{FFFD}").utf8)
        }
        return String(decoding: bytes, as: UTF8.self)
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

    private static func unit(_ raw: UnsafeRawBufferPointer, at start: Int) -> UInt16 {
        var value: UInt16 = 0
        for index in start..<start + 4 {
            value = value << 4 | UInt16(index < raw.count ? hexDigit(raw[index]) ?? 0 : 0)
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
