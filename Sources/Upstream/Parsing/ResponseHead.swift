import NIOCore

/// The head of an HTTP response. Fields are looked up in the bytes as they came; most are never turned into text.
public struct ResponseHead: Sendable {
    /// Where a field's name and value stand in the bytes.
    struct Field: Sendable {
        let name: Range<Int>
        let value: Range<Int>
    }

    /// The status code. Range: 100 to 999.
    public let status: Int
    /// Whether the version is HTTP/1.1, which keeps connections open unless said otherwise.
    let isHTTP11: Bool
    let bytes: ByteBuffer
    let fields: [Field]

    /// The value of the first field with that name, in which upper and lower case are the same.
    public subscript(name: StaticString) -> String? {
        fields.first { matches($0, name) }.map(text)
    }

    /// The values of all fields with that name.
    public func values(_ name: StaticString) -> [String] {
        fields.filter { matches($0, name) }.map(text)
    }

    private func text(_ field: Field) -> String {
        bytes.getString(at: bytes.readerIndex + field.value.lowerBound, length: field.value.count) ?? ""
    }

    private func matches(_ field: Field, _ name: StaticString) -> Bool {
        guard field.name.count == name.utf8CodeUnitCount else { return false }
        return bytes.withUnsafeReadableBytes { bytes in
            (0..<field.name.count).allSatisfy { index in
                let byte = bytes[field.name.lowerBound + index]
                return (0x41...0x5A).contains(byte) ? byte | 0x20 == name.utf8Start[index] : byte == name.utf8Start[index]
            }
        }
    }
}
