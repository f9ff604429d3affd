extension UnsafeRawBufferPointer {
    /// The offset of the first LF or CR at or after `start`. No byte behind it is looked at, so that the lines of a text
    /// cost its length however they end.
    func firstLineEnd(from start: Int) -> Int? {
        let lineFeed = SIMD16<UInt8>(repeating: 0x0A), carriageReturn = SIMD16<UInt8>(repeating: 0x0D)
        var index = start
        while index <= count - 16 {
            let block = loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
            // The standard library's `any` is a call.
            let ends = (block .== lineFeed) .| (block .== carriageReturn)
            let halves = unsafeBitCast(ends, to: SIMD2<UInt64>.self)
            if halves.x | halves.y != 0 { break }
            index += 16
        }
        while index < count {
            if self[index] == 0x0A || self[index] == 0x0D { return index }
            index += 1
        }
        return nil
    }
}
