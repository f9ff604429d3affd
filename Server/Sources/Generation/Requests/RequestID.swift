/// The identity of a request: `req_` and 26 characters of lower-case Base32 (130 bits of chance, most of them real).
public struct RequestID: Sendable, Hashable, CustomStringConvertible {
    /// The identity as text.
    public let description: String

    /// Creates an identity from two random words.
    public init(_ high: UInt64, _ low: UInt64) {
        description = String(unsafeUninitializedCapacity: 30) { bytes in
            for (index, byte) in "req_".utf8.enumerated() { bytes[index] = byte }
            var words = (high, low)
            for index in 0..<26 {
                let five = index < 13 ? words.0 & 31 : words.1 & 31
                if index < 13 { words.0 >>= 5 } else { words.1 >>= 5 }
                bytes[4 + index] = five < 26 ? 0x61 + UInt8(five) : 0x32 + UInt8(five - 26)
            }
            return 30
        }
    }

    /// Reads an identity; nil if `text` is not one.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 30, bytes.starts(with: "req_".utf8),
            bytes.dropFirst(4).allSatisfy({ (0x61...0x7A).contains($0) || (0x32...0x37).contains($0) })
        else { return nil }
        description = String(text)
    }
}
