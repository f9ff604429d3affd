import NIOCore

/// The fields of a message's head, looked up in the bytes as they came; most are never turned into text.
///
/// A class, because it is handed on many times and never changes.
public final class FieldBlock: Sendable {
    /// Where a field's name and value stand in the bytes. Heads are shorter than 64 KiB.
    struct Field: Sendable {
        let name: UInt16
        let nameLength: UInt16
        let value: UInt16
        let valueLength: UInt16
    }

    /// The head with its first line.
    let bytes: ByteBuffer
    let fields: [Field]

    init(bytes: ByteBuffer, fields: [Field]) {
        self.bytes = bytes
        self.fields = fields
    }

    /// The number of fields.
    public var count: Int { fields.count }

    /// The value of the first field with that lower-case name.
    public subscript(name: StaticString) -> String? {
        bytes.withUnsafeReadableBytes { bytes in first(name, bytes).map { $0.text(in: bytes) } }
    }

    /// Calls `body` with the bytes of the value of the first field with that lower-case name; nil if there is none.
    public func withValue<Result>(of name: StaticString, _ body: (UnsafeRawBufferPointer) -> Result)
        -> Result?
    {
        bytes.withUnsafeReadableBytes { bytes in
            first(name, bytes).map { field in
                let start = Int(field.value)
                return body(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(field.valueLength)]))
            }
        }
    }

    /// The values of all fields with that lower-case name.
    public func values(_ name: StaticString) -> [String] {
        bytes.withUnsafeReadableBytes { bytes in
            fields.filter { $0.isNamed(name, in: bytes) }.map { $0.text(in: bytes) }
        }
    }

    /// Whether there is a field with that lower-case name.
    public func contains(_ name: StaticString) -> Bool {
        bytes.withUnsafeReadableBytes { bytes in first(name, bytes) != nil }
    }

    /// The value of the first field with that lower-case name.
    public func value(named name: String) -> String? {
        bytes.withUnsafeReadableBytes { bytes in
            let field = fields.first { field in
                Int(field.nameLength) == name.utf8.count
                    && zip(bytes[Int(field.name)...], name.utf8).allSatisfy { byte, wanted in
                        (byte &- 0x41 < 26 ? byte | 0x20 : byte) == wanted
                    }
            }
            return field?.text(in: bytes)
        }
    }

    /// Whether there is a field whose name begins with `prefix`, in lower case.
    public func contains(prefix: StaticString) -> Bool {
        let length = prefix.utf8CodeUnitCount
        return bytes.withUnsafeReadableBytes { bytes in
            fields.contains { field in
                Int(field.nameLength) >= length
                    && isEqual(bytes, Int(field.name), toLowercase: prefix, count: length)
            }
        }
    }

    /// Whether the first field with that lower-case name begins with `prefix`, in lower case too.
    public func value(of name: StaticString, hasPrefix prefix: StaticString) -> Bool {
        value(of: name, after: prefix) { _ in true }
    }

    /// Whether the first field with that lower-case name is the media type `type`, in lower case, whatever its parameters.
    public func value(of name: StaticString, isMediaType type: StaticString) -> Bool {
        value(of: name, after: type) { rest in
            rest.first.map { $0 == 0x3B || $0 == 0x20 || $0 == 0x09 } ?? true
        }
    }

    /// Whether the first field with that lower-case name is the host `host`, in lower case, with a port or without one.
    public func value(of name: StaticString, isHost host: StaticString) -> Bool {
        value(of: name, after: host) { rest in
            rest.isEmpty || rest.first == 0x3A && rest.dropFirst().allSatisfy { $0 &- 0x30 < 10 }
        }
    }

    /// Whether the first field with that name begins with `prefix`, and what follows is right.
    @inline(__always)
    private func value(
        of name: StaticString, after prefix: StaticString, isRight: (Slice<UnsafeRawBufferPointer>) -> Bool
    ) -> Bool {
        bytes.withUnsafeReadableBytes { bytes in
            let length = prefix.utf8CodeUnitCount
            guard let field = first(name, bytes), field.valueLength >= length,
                isEqual(bytes, Int(field.value), toLowercase: prefix, count: length)
            else {
                return false
            }
            return isRight(bytes[Int(field.value) + length..<Int(field.value) + Int(field.valueLength)])
        }
    }

    private func first(_ name: StaticString, _ bytes: UnsafeRawBufferPointer) -> Field? {
        let length = name.utf8CodeUnitCount
        for field in fields where Int(field.nameLength) == length {
            if isEqual(bytes, Int(field.name), toLowercase: name, count: length) { return field }
        }
        return nil
    }
}

extension FieldBlock.Field {
    func isNamed(_ lowercase: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
        Int(nameLength) == lowercase.utf8CodeUnitCount
            && isEqual(bytes, Int(name), toLowercase: lowercase, count: Int(nameLength))
    }

    func text(in bytes: UnsafeRawBufferPointer) -> String {
        String(
            decoding: UnsafeRawBufferPointer(rebasing: bytes[Int(value)..<Int(value) + Int(valueLength)]),
            as: UTF8.self)
    }
}

/// Whether `count` bytes are the given lower-case text but for case.
func isEqual(_ bytes: UnsafeRawBufferPointer, _ start: Int, toLowercase text: StaticString, count: Int)
    -> Bool
{
    let wanted = text.utf8Start
    for index in 0..<count {
        let byte = bytes[start + index]
        let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
        if lower != wanted[index] { return false }
    }
    return true
}
