public import Bytes

/// What ends the plain text of a JSON string: a quote, a backslash, a control character, and whatever is not ASCII,
/// which has to be looked at by itself.
@usableFromInline
package enum PlainTextEnds: ByteStops {
    @inlinable @inline(__always)
    package static func stops(in word: UInt64) -> UInt64 {
        let ones = WordBytes.all(1)
        // Exchanging 0x20 and 0x22 puts the quote beside the control characters: one comparison finds both. The first
        // byte that is found is right (a variant of Mycroft's test for zero bytes).
        let low = word ^ WordBytes.all(2), backslash = word ^ WordBytes.all(0x5C)
        return ((low &- WordBytes.all(0x21)) & ~low | (backslash &- ones) & ~backslash | word)
            & WordBytes.all(0x80)
    }

    @inlinable @inline(__always)
    package static func stops(in block: SIMD16<Int8>) -> SIMDMask<SIMD16<Int8>> {
        // With scalars in place of vectors, each byte would be compared by itself. As numbers with a sign, bytes beyond
        // ASCII are lower than all others.
        let two = SIMD16<Int8>(repeating: 2), limit = SIMD16<Int8>(repeating: 0x21)
        let backslash = SIMD16<Int8>(repeating: 0x5C)
        return ((block ^ two) .< limit) .| (block .== backslash)
    }
}
