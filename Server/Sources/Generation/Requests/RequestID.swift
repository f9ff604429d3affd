/// The identity of a request: two random words, and as text `req_` and 26 characters of lower-case Base32.
public struct RequestID: Sendable, Hashable, CustomStringConvertible {
    private static let prefix: StaticString = "req_"
    private static let length = 30
    /// How many characters stand for one word: the last of them for four bits, the others for five.
    private static let charactersOfWord = 13

    private let high: UInt64
    private let low: UInt64

    /// Creates an identity from two random words.
    public init(_ high: UInt64, _ low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads an identity; nil if `text` is not one.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8), start = Self.prefix.utf8CodeUnitCount
        guard bytes.count == Self.length, "\(Self.prefix)".utf8.elementsEqual(bytes[..<start]),
            let high = Self.word(bytes[start..<start + Self.charactersOfWord]),
            let low = Self.word(bytes[(start + Self.charactersOfWord)...])
        else { return nil }
        self.init(high, low)
    }

    /// The word that such characters stand for; nil if they stand for none.
    private static func word(_ characters: ArraySlice<UInt8>) -> UInt64? {
        var word: UInt64 = 0
        for byte in characters.reversed() {
            let five: UInt64
            switch byte {
            case 0x61...0x7A: five = UInt64(byte - 0x61)
            case 0x32...0x37: five = UInt64(byte - 0x32) + 26
            default: return nil
            }
            // No word has more bits than 64.
            guard word >> 59 == 0 else { return nil }
            word = word << 5 | five
        }
        return word
    }

    /// The identity as text.
    public var description: String {
        withText { String(decoding: $0, as: UTF8.self) }
    }

    /// Calls `body` with the text's bytes, which are ASCII.
    public func withText<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: Self.length, alignment: 1) { text in
            text.copyBytes(from: UnsafeRawBufferPointer(start: Self.prefix.utf8Start, count: 4))
            var left = high
            for index in 4..<Self.length {
                if index == 4 + Self.charactersOfWord { left = low }
                let five = UInt8(truncatingIfNeeded: left & 31)
                text[index] = five < 26 ? 0x61 + five : 0x32 + five - 26
                left >>= 5
            }
            return body(UnsafeRawBufferPointer(text))
        }
    }
}
