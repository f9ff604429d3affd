/// The bytes at which a search stops, told for many bytes at once.
@usableFromInline
package protocol ByteStops {
    /// The high bit of the first byte in `word` at which the search stops; higher bits mean nothing, and zero means that
    /// there is none.
    static func stops(in word: UInt64) -> UInt64

    /// All ones for each byte in `block` at which the search stops.
    static func stops(in block: SIMD16<Int8>) -> SIMDMask<SIMD16<Int8>>
}

extension UnsafeRawBufferPointer {
    /// The offset of the first byte at or after `start` at which the search stops; ``count`` if there is none. No byte
    /// behind it decides anything, so that the parts of a text cost its length however many they are.
    @inlinable @inline(__always)
    package func firstOffset<Stops: ByteStops>(of stops: Stops.Type, from start: Int) -> Int {
        // Without optimisation each operation on a vector is a call, and blocks are far slower than words.
        #if DEBUG
            return firstOffsetByWords(of: stops, from: start)
        #else
            return firstOffsetByBlocks(of: stops, from: start)
        #endif
    }

    /// Looks at sixteen bytes at a time.
    @inlinable @inline(__always)
    package func firstOffsetByBlocks<Stops: ByteStops>(of stops: Stops.Type, from start: Int) -> Int {
        // Keys and short values end within the first block.
        guard start >= 0, start <= count &- 16 else {
            return firstOffsetByFurtherBlocks(of: stops, from: start)
        }
        let found = BlockStops(stops.stops(in: block(at: start)))
        if !found.isEmpty { return start &+ found.first }
        return firstOffsetByFurtherBlocks(of: stops, from: start &+ 16)
    }

    /// The same, quicker where the next one is likely to be near, as between the escapes of a text.
    @inlinable @inline(__always)
    package func nearOffset<Stops: ByteStops>(of stops: Stops.Type, from start: Int) -> Int {
        #if DEBUG
            return firstOffsetByWords(of: stops, from: start)
        #else
            return nearOffsetByBlocks(of: stops, from: start)
        #endif
    }

    @inlinable @inline(__always)
    func nearOffsetByBlocks<Stops: ByteStops>(of stops: Stops.Type, from start: Int) -> Int {
        guard let base = baseAddress, start >= 0, start < count else { return count }
        var index = start
        let end = Swift.min(count, start &+ 128)
        while index &+ 16 <= end {
            let block = base.loadUnaligned(fromByteOffset: index, as: SIMD16<Int8>.self)
            let found = BlockStops(stops.stops(in: block))
            if !found.isEmpty { return index &+ found.first }
            index &+= 16
        }
        return firstOffsetByFurtherBlocks(of: stops, from: index)
    }

    /// Looks at twice as many bytes at a time where they go on.
    @inlinable @inline(never)
    func firstOffsetByFurtherBlocks<Stops: ByteStops>(of stops: Stops.Type, from start: Int) -> Int {
        var index = Swift.max(0, start)
        guard let base = baseAddress, index < count else { return count }
        while index &+ 128 <= count, !stops.isAmong128(base + index) { index &+= 128 }
        while index &+ 32 <= count {
            let one = stops.stops(in: base.loadUnaligned(fromByteOffset: index, as: SIMD16<Int8>.self))
            let other = stops.stops(
                in: base.loadUnaligned(fromByteOffset: index &+ 16, as: SIMD16<Int8>.self))
            if !BlockStops(one .| other).isEmpty {
                let found = BlockStops(one)
                return found.isEmpty ? index &+ 16 &+ BlockStops(other).first : index &+ found.first
            }
            index &+= 32
        }
        if index &+ 16 <= count {
            let found = BlockStops(stops.stops(in: block(at: index)))
            if !found.isEmpty { return index &+ found.first }
            index &+= 16
        }
        guard index < count else { return count }
        guard count >= 16 else { return firstOffsetByWords(of: stops, from: index) }
        // The last sixteen bytes once more, without those that were looked at before.
        let last = count &- 16
        let found = BlockStops(stops.stops(in: block(at: last))).dropping(index &- last)
        return found.isEmpty ? count : last &+ found.first
    }

    /// Looks at eight bytes at a time.
    @inlinable
    package func firstOffsetByWords<Stops: ByteStops>(of stops: Stops.Type, from start: Int) -> Int {
        var index = Swift.max(0, start)
        while index &+ 8 <= count {
            let found = stops.stops(in: word(at: index))
            if found != 0 { return index &+ found.trailingZeroBitCount >> 3 }
            index &+= 8
        }
        guard index < count else { return count }
        let left = count &- index
        let found = stops.stops(in: word(at: index, count: left)) & WordBytes.first(left)
        return found == 0 ? count : index &+ found.trailingZeroBitCount >> 3
    }

    /// The sixteen bytes at `index`, which must be there.
    @inlinable @inline(__always)
    func block(at index: Int) -> SIMD16<Int8> {
        loadUnaligned(fromByteOffset: index, as: SIMD16<Int8>.self)
    }

    /// The eight bytes at `index`, which must be there; the first is the lowest.
    @inlinable @inline(__always)
    package func word(at index: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// The `count` bytes at `index`, which must be there and fewer than eight; the rest is zero.
    @inlinable @inline(__always)
    package func word(at index: Int, count: Int) -> UInt64 {
        index &+ 8 <= self.count
            ? word(at: index) & WordBytes.first(count) : lastWord(at: index, count: count)
    }

    @usableFromInline
    func lastWord(at index: Int, count: Int) -> UInt64 {
        var word: UInt64 = 0
        for place in 0..<count {
            word |= UInt64(self[index &+ place]) << UInt64(truncatingIfNeeded: 8 &* place)
        }
        return word
    }
}

extension ByteStops {
    /// Whether the search stops at one of the 128 bytes from `start` on, which must be there. The eight answers are put
    /// together before they are looked at: that is what costs.
    @inlinable @inline(__always)
    static func isAmong128(_ start: UnsafeRawPointer) -> Bool {
        var found = stops(in: start.loadUnaligned(as: SIMD16<Int8>.self))
        found = found .| stops(in: start.loadUnaligned(fromByteOffset: 16, as: SIMD16<Int8>.self))
        found = found .| stops(in: start.loadUnaligned(fromByteOffset: 32, as: SIMD16<Int8>.self))
        found = found .| stops(in: start.loadUnaligned(fromByteOffset: 48, as: SIMD16<Int8>.self))
        found = found .| stops(in: start.loadUnaligned(fromByteOffset: 64, as: SIMD16<Int8>.self))
        found = found .| stops(in: start.loadUnaligned(fromByteOffset: 80, as: SIMD16<Int8>.self))
        found = found .| stops(in: start.loadUnaligned(fromByteOffset: 96, as: SIMD16<Int8>.self))
        found = found .| stops(in: start.loadUnaligned(fromByteOffset: 112, as: SIMD16<Int8>.self))
        return !BlockStops(found).isEmpty
    }
}

/// Masks for the bytes of a word.
@usableFromInline
package enum WordBytes {
    /// All bits of the first `count` bytes, which must be fewer than eight.
    @inlinable @inline(__always)
    package static func first(_ count: Int) -> UInt64 {
        (1 &<< UInt64(truncatingIfNeeded: 8 &* count)) &- 1
    }

    /// The same byte eight times.
    @inlinable @inline(__always)
    package static func all(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 &* UInt64(byte) }
}

/// Which of sixteen bytes end a search.
@usableFromInline
struct BlockStops {
    @usableFromInline var low: UInt64
    @usableFromInline var high: UInt64

    @inlinable @inline(__always)
    init(_ mask: SIMDMask<SIMD16<Int8>>) {
        // The standard library's `any` is a call.
        let halves = unsafeBitCast(mask, to: SIMD2<UInt64>.self)
        low = UInt64(littleEndian: halves.x)
        high = UInt64(littleEndian: halves.y)
    }

    @inlinable @inline(__always)
    var isEmpty: Bool { low | high == 0 }

    /// The place of the first; only if there is one.
    @inlinable @inline(__always)
    var first: Int {
        low != 0 ? low.trailingZeroBitCount >> 3 : 8 &+ high.trailingZeroBitCount >> 3
    }

    /// The same without the first `count` bytes, at most 15.
    @inlinable @inline(__always)
    func dropping(_ count: Int) -> BlockStops {
        var rest = self
        if count >= 8 {
            rest.low = 0
            rest.high &= ~WordBytes.first(count &- 8)
        } else {
            rest.low &= ~WordBytes.first(count)
        }
        return rest
    }
}
