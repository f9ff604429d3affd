import Crypto
import Dialects
import Gateway
import HTTPMessage
import Routing

/// What session a request belongs to, by a digest. Its text is kept nowhere.
enum SessionIdentity {
    /// The longest text that identifies a session, in bytes.
    private static let longest = 256

    /// Reads it; nil if the request belongs to none.
    ///
    /// - Throws: ``OpenAIError`` if a header's value is too long. A `user` that is too long is no session, since the
    ///   member is the provider's.
    static func read(
        _ exchange: Exchange, _ scan: ChatRequestScan, _ identity: Stickiness.Identity
    ) throws(OpenAIError) -> StickySessions.Key? {
        let text: String?
        switch identity {
        case .user: text = scan.user(in: exchange.body, most: longest)
        case .header(let name):
            text = exchange.head.fields.value(named: name)
            if let text, text.utf8.count > longest {
                throw .invalid(
                    "the header \(name) must have at most \(longest) bytes", field: name,
                    code: "invalid_header")
            }
        }
        guard let text, !text.isEmpty else { return nil }
        return key(text, of: exchange.caller)
    }

    /// The same text is another session for each key.
    static func key(_ text: String, of caller: Caller) -> StickySessions.Key {
        let holder =
            switch caller {
            case .anyone: "anyone"
            case .administrator: "administrator"
            case .key(let name): "key \(name)"
            }
        var hash = SHA256()
        // A key's name has no zero, so that no two pairs of names and texts give the same bytes.
        hash.update(data: Array(holder.utf8) + [0])
        hash.update(data: Array(text.utf8))
        return hash.finalize().withUnsafeBytes {
            StickySessions.Key(
                $0.loadUnaligned(as: UInt64.self),
                $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
    }
}
