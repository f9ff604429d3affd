import Crypto
public import Generation
import HTTPMessage

/// Who may ask: keys by their digests. A key that is presented is digested before it is looked up, so that neither the
/// look-up nor a comparison tells anything about the keys that exist.
public struct KeyRing: Sendable {
    private let callers: [String: Caller]

    /// Creates a ring. Without any key, anyone may ask for anything.
    public init(administrator: Secret?, callers keys: [(name: String, key: Secret)]) {
        var callers: [String: Caller] = [:]
        for (name, key) in keys { callers[Self.digest(key)] = .key(name) }
        if let administrator { callers[Self.digest(administrator)] = .administrator }
        self.callers = callers
    }

    /// Whether keys are needed at all.
    public var isEmpty: Bool { callers.isEmpty }

    /// Who asks with this head; nil if a key is needed and none that is known was given.
    func caller(_ head: RequestHead) -> Caller? {
        if callers.isEmpty { return .anyone }
        guard let key = Self.presentedKey(head) else { return nil }
        return callers[Self.digest(Secret(key))]
    }

    /// Both surfaces' ways to present a key are accepted on both.
    private static func presentedKey(_ head: RequestHead) -> String? {
        if let key = head["x-api-key"] { return key }
        guard let authorization = head["authorization"], authorization.utf8.count <= 4096 else { return nil }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }

    /// The digest by which a key is known: SHA-256 in hexadecimal.
    public static func digest(_ key: Secret) -> String {
        key.reveal { key in
            SHA256.hash(data: Array(key.utf8)).reduce(into: "") { text, byte in
                text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
    }
}
