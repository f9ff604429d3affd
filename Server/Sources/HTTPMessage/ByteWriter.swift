public import NIOCore

/// Writes the small pieces that a message's head is made of into memory that was sized for them beforehand.
///
/// A `ByteBuffer` checks ownership and space at every write, which costs more than the pieces themselves. What does not
/// fit is left out rather than written behind the end.
public struct ByteWriter {
    @usableFromInline let space: UnsafeMutableRawBufferPointer
    /// Never more than there is space.
    @usableFromInline var used = 0

    /// The bytes written so far.
    @inlinable public var count: Int { used }

    /// Begins at the start of `space`.
    @inlinable
    public init(_ space: UnsafeMutableRawBufferPointer) {
        self.space = space
    }

    /// Appends a text.
    @inlinable
    public mutating func put(_ text: StaticString) {
        put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a text as UTF-8.
    public mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    /// Appends what is readable.
    public mutating func put(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { put($0) }
    }

    /// Appends bytes.
    @inlinable
    public mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let from = bytes.baseAddress, let to = space.baseAddress, bytes.count > 0,
            bytes.count <= space.count - used
        else { return }
        (to + used).copyMemory(from: from, byteCount: bytes.count)
        used += bytes.count
    }

    /// Writes a number of 0 or more in decimal.
    public mutating func put(_ number: Int) {
        put(number) { left in
            let (rest, digit) = left.quotientAndRemainder(dividingBy: 10)
            left = rest
            return 0x30 + UInt8(truncatingIfNeeded: digit)
        }
    }

    /// Writes a number of 0 or more in hexadecimal.
    public mutating func put(hexadecimal number: Int) {
        put(number) { left in
            let digit = UInt8(truncatingIfNeeded: left & 15)
            left >>= 4
            return digit < 10 ? 0x30 + digit : 0x57 + digit
        }
    }

    /// - Parameter last: Takes the last digit off a number and returns its character.
    @inline(__always)
    private mutating func put(_ number: Int, last: (inout UInt64) -> UInt8) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0), left = UInt64(max(0, number))
        withUnsafeMutableBytes(of: &digits) { digits in
            var index = digits.count
            repeat {
                index -= 1
                digits[index] = last(&left)
            } while left > 0
            put(UnsafeRawBufferPointer(rebasing: digits[index...]))
        }
    }
}
