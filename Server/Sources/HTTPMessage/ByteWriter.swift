public import NIOCore

/// Writes the small pieces that a message's head is made of into memory that was sized for them beforehand.
///
/// A `ByteBuffer` checks ownership and space at every write, which costs more than the pieces themselves. What does not
/// fit is left out rather than written behind the end.
public struct ByteWriter {
    private let space: UnsafeMutableRawBufferPointer
    /// The bytes written so far.
    public private(set) var count = 0

    /// Begins at the start of `space`.
    public init(_ space: UnsafeMutableRawBufferPointer) {
        self.space = space
    }

    /// Appends a text.
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
    public mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0, bytes.count <= space.count - count else { return }
        UnsafeMutableRawBufferPointer(rebasing: space[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    /// Writes a number of 0 or more in decimal.
    public mutating func put(_ number: Int) {
        put(number, radix: 10)
    }

    /// Writes a number of 0 or more in hexadecimal.
    public mutating func put(hexadecimal number: Int) {
        put(number, radix: 16)
    }

    private mutating func put(_ number: Int, radix: Int) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0), left = max(0, number)
        withUnsafeMutableBytes(of: &digits) { digits in
            var index = digits.count
            repeat {
                index -= 1
                let digit = UInt8(left % radix)
                digits[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
                left /= radix
            } while left > 0
            put(UnsafeRawBufferPointer(rebasing: digits[index...]))
        }
    }
}
