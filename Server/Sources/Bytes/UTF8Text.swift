/// What is not ASCII.
@usableFromInline
package enum BeyondASCII: ByteStops {
    @inlinable @inline(__always)
    package static func stops(in word: UInt64) -> UInt64 { word & WordBytes.all(0x80) }

    @inlinable @inline(__always)
    package static func stops(in block: SIMD16<Int8>) -> SIMDMask<SIMD16<Int8>> {
        let zero = SIMD16<Int8>(repeating: 0)
        return block .< zero
    }
}

extension UnsafeRawBufferPointer {
    /// Whether all bytes are valid UTF-8 (RFC 3629).
    package var isUTF8: Bool {
        var index = 0
        while true {
            index = firstOffset(of: BeyondASCII.self, from: index)
            guard index < count else { return true }
            guard let end = endOfCharacters(from: index) else { return false }
            index = end
        }
    }

    /// The offset behind the characters beyond ASCII that begin at `start`; nil if one of them is not valid UTF-8. A few
    /// instructions for each character.
    package func endOfCharacters(from start: Int) -> Int? {
        var index = start
        while index < count, self[index] >= 0x80 {
            let length = lengthOfCharacter(at: index)
            guard length > 0 else { return nil }
            index &+= length
        }
        return index
    }

    /// How many bytes the character beyond ASCII at `index` has; zero if it is none.
    private func lengthOfCharacter(at index: Int) -> Int {
        let word: UInt32 =
            index &+ 4 <= count
            ? UInt32(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt32.self))
            // What is missing at the end is zero, which continues no character.
            : UInt32(truncatingIfNeeded: self.word(at: index, count: count &- index))
        if word & 0x00C0_C0F0 == 0x0080_80E0 {
            // Neither a longer form of a shorter one (E0 80 to E0 9F) nor half a pair of surrogates (ED A0 to ED BF).
            let bits = word & 0x200F
            return bits != 0 && bits != 0x200D ? 3 : 0
        }
        if word & 0xC0E0 == 0x80C0 { return word & 0x1E != 0 ? 2 : 0 }
        guard word & 0xC0C0_C0F8 == 0x8080_80F0 else { return 0 }
        // From F0 90 to F4 8F.
        let bits = word & 7, isHigh = word & 0x3000 != 0
        return bits == 0 ? (isHigh ? 4 : 0) : bits < 4 || bits == 4 && !isHigh ? 4 : 0
    }
}
