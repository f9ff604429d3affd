extension UnsafeRawBufferPointer {
    /// The offset of the first LF or CR at or after `start`. No byte behind it is looked at, so that the lines of a text
    /// cost its length however they end.
    func firstLineEnd(from start: Int) -> Int? {
        let ones: UInt64 = 0x0101_0101_0101_0101, highs: UInt64 = 0x8080_8080_8080_8080
        var index = start
        while index <= count - 8 {
            let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let lineFeed = word ^ (ones &* 0x0A), carriageReturn = word ^ (ones &* 0x0D)
            // The lowest high bit is that of the first byte which is zero (Mycroft's test).
            let ends = ((lineFeed &- ones) & ~lineFeed | (carriageReturn &- ones) & ~carriageReturn) & highs
            if ends != 0 { return index + ends.trailingZeroBitCount >> 3 }
            index += 8
        }
        while index < count {
            if self[index] == 0x0A || self[index] == 0x0D { return index }
            index += 1
        }
        return nil
    }
}
