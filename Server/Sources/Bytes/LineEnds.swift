/// The ends of lines: LF and CR.
@usableFromInline
package enum LineEnds: ByteStops {
    @inlinable @inline(__always)
    package static func stops(in word: UInt64) -> UInt64 {
        let ones = WordBytes.all(1)
        let lineFeed = word ^ WordBytes.all(0x0A), carriageReturn = word ^ WordBytes.all(0x0D)
        // The lowest high bit is that of the first byte which is zero (Mycroft's test).
        return ((lineFeed &- ones) & ~lineFeed | (carriageReturn &- ones) & ~carriageReturn)
            & WordBytes.all(0x80)
    }

    @inlinable @inline(__always)
    package static func stops(in block: SIMD16<Int8>) -> SIMDMask<SIMD16<Int8>> {
        // With a scalar in place of a vector, each byte would be compared by itself.
        let lineFeed = SIMD16<Int8>(repeating: 0x0A), carriageReturn = SIMD16<Int8>(repeating: 0x0D)
        return (block .== lineFeed) .| (block .== carriageReturn)
    }
}

extension UnsafeRawBufferPointer {
    /// The offset of the first LF or CR at or after `start`.
    @inlinable
    package func firstLineEnd(from start: Int) -> Int? {
        let end = firstOffset(of: LineEnds.self, from: start)
        return end < count ? end : nil
    }
}
