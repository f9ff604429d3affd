extension UnsafeRawBufferPointer {
    /// Whether a byte of the range is below 0x20, other than a tab, or 0x7F. Eight are looked at in one.
    func hasControlCharacter(in range: Range<Int>) -> Bool {
        guard range.lowerBound >= 0, range.upperBound <= count else { return true }
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            let word = loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if word.hasByteBelow32 || (word ^ 0x7F7F_7F7F_7F7F_7F7F).hasZeroByte {
                // Tabs are among those; which it is does not matter to speed.
                if self[index..<index + 8].contains(where: isControlByte) { return true }
            }
            index += 8
        }
        return self[index..<range.upperBound].contains(where: isControlByte)
    }
}

extension UInt64 {
    // Henry S. Warren, "Hacker's Delight", section 6-1: a borrow from a byte's highest bit shows that it was too small.
    fileprivate var hasZeroByte: Bool { (self &- 0x0101_0101_0101_0101) & ~self & 0x8080_8080_8080_8080 != 0 }
    fileprivate var hasByteBelow32: Bool {
        (self &- 0x2020_2020_2020_2020) & ~self & 0x8080_8080_8080_8080 != 0
    }
}

private func isControlByte(_ byte: UInt8) -> Bool { byte < 0x20 && byte != 0x09 || byte == 0x7F }

/// Whether a byte may stand in a token (RFC 9110, section 5.6.2): one bit for each ASCII character.
func isTokenByte(_ byte: UInt8) -> Bool {
    let low: UInt64 = 0x03FF_6CFA_0000_0000, high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
    guard byte < 128 else { return false }
    return (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte - 64)) & 1 == 1
}

/// Whether a byte may stand in a Host field.
func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x2D, 0x5B, 0x5D, 0x3A: true
    default: false
    }
}
