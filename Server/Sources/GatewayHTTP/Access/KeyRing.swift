public import Generation
import HTTPMessage

/// Who may ask: keys by their digests. A key that is presented is digested before it is looked up, so that neither the
/// look-up nor a comparison tells anything about the keys that exist.
public struct KeyRing: Sendable {
    /// The longest value of a field that presents a key, in bytes.
    private static let longestValue = 4096
    private static let scheme: StaticString = "bearer"

    private let callers: [KeyDigest: Caller]

    /// Creates a ring. Without any key, anyone may ask for anything.
    public init(administrator: Secret?, callers keys: [(name: String, key: Secret)]) {
        var callers: [KeyDigest: Caller] = [:]
        for (name, key) in keys { callers[Self.keyDigest(key)] = .key(name) }
        if let administrator { callers[Self.keyDigest(administrator)] = .administrator }
        self.callers = callers
    }

    /// Whether keys are needed at all.
    public var isEmpty: Bool { callers.isEmpty }

    /// Whose key it is; nil if nobody's.
    func caller(_ key: UnsafeRawBufferPointer) -> Caller? {
        callers[KeyDigest(key)]
    }

    /// Calls `body` with the key that a head presents; nil if it presents none.
    ///
    /// Both surfaces' ways to present a key are accepted on both.
    static func withPresentedKey<Result>(
        _ head: RequestHead, _ body: (UnsafeRawBufferPointer) -> Result?
    ) -> Result? {
        let named = head.fields.withValue(of: "x-api-key") { value in
            value.count <= longestValue ? body(value) : nil
        }
        if let named { return named }
        let bearer = head.fields.withValue(of: "authorization") { value -> Result? in
            guard value.count <= longestValue, let key = credentials(value) else { return nil }
            return body(key)
        }
        return bearer ?? nil
    }

    /// What stands behind the scheme; nil if it is another one.
    private static func credentials(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let length = scheme.utf8CodeUnitCount
        guard value.count > length + 1, value[length] == 0x20 else { return nil }
        for index in 0..<length {
            let byte = value[index], lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            guard lower == scheme.utf8Start[index] else { return nil }
        }
        return UnsafeRawBufferPointer(rebasing: value[(length + 1)...])
    }

    /// The digest by which a key is known: SHA-256 in hexadecimal.
    public static func digest(_ key: Secret) -> String { keyDigest(key).text }

    private static func keyDigest(_ key: Secret) -> KeyDigest {
        key.reveal { key in
            var key = key
            return key.withUTF8 { KeyDigest(UnsafeRawBufferPointer($0)) }
        }
    }
}
