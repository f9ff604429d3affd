extension UnsafeRawBufferPointer {
    /// The offset of the first byte at or after `start` that ends a JSON string's plain text, which is a quote, a
    /// backslash or a control character; ``count`` if there is none.
    ///
    /// Keys and short values end within the first words; from there on sixteen bytes are looked at together.
    func endOfPlainText(from start: Int) -> Int {
        var index = start
        if index <= count - 8 {
            let stops = stops(inWordAt: index)
            if stops != 0 { return index + stops.trailingZeroBitCount >> 3 }
            index += 8
        }
        // Without optimisation each operation on a vector is a call, and blocks are far slower than words.
        #if !DEBUG
            index = startOfLastBlocks(from: index)
        #endif
        while index <= count - 8 {
            let stops = stops(inWordAt: index)
            if stops != 0 { return index + stops.trailingZeroBitCount >> 3 }
            index += 8
        }
        while index < count {
            let byte = self[index]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 { return index }
            index += 1
        }
        return count
    }

    /// Goes on by two blocks of sixteen bytes up to some that hold an end, or up to the last bytes.
    func startOfLastBlocks(from start: Int) -> Int {
        let backslash = SIMD16<UInt8>(repeating: 0x5C), two = SIMD16<UInt8>(repeating: 2)
        let limit = SIMD16<UInt8>(repeating: 0x21)
        var index = start
        while index <= count - 32 {
            let one = loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
            let other = loadUnaligned(fromByteOffset: index + 16, as: SIMD16<UInt8>.self)
            // Exchanging 0x20 and 0x22 puts the quote beside the control characters: one comparison finds both.
            let stops =
                (one .== backslash) .| ((one ^ two) .< limit) .| (other .== backslash)
                .| ((other ^ two) .< limit)
            // The standard library's `any` is a call.
            let halves = unsafeBitCast(stops, to: SIMD2<UInt64>.self)
            if halves.x | halves.y != 0 { return index }
            index += 32
        }
        return index
    }

    /// The high bit of the first byte that ends plain text, among eight bytes from `index`; higher bits mean nothing
    /// (a variant of Mycroft's test for zero bytes). Zero if there is none.
    @inline(__always)
    private func stops(inWordAt index: Int) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101, highs: UInt64 = 0x8080_8080_8080_8080
        let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self))
        let low = word ^ (ones &* 2), backslash = word ^ (ones &* 0x5C)
        return ((low &- ones &* 0x21) & ~low | (backslash &- ones) & ~backslash) & highs
    }
}
