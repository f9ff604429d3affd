#if canImport(Glibc)
    public import Glibc
#else
    public import Darwin
#endif

extension UnsafeRawBufferPointer {
    /// The offset of the first byte with that value at or after `start`, at the speed of memory.
    @inlinable
    package func firstOffset(of byte: UInt8, from start: Int) -> Int? {
        guard start < count, let base = baseAddress,
            let found = memchr(base + start, Int32(byte), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// A range without the spaces and tabs at its ends.
    @inlinable
    package func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound, end = range.upperBound
        while start < end, isBlank(self[start]) { start += 1 }
        while end > start, isBlank(self[end - 1]) { end -= 1 }
        return start..<end
    }
}

/// Whether a byte is a space or a tab.
@inlinable @inline(__always)
package func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

extension StringProtocol {
    /// The text without the spaces and tabs at its ends.
    package var withoutBlanks: String {
        let bytes = Array(utf8)
        return bytes.withUnsafeBytes { String(decoding: $0[$0.trimmed(0..<$0.count)], as: UTF8.self) }
    }
}
