import HTTPMessage

/// Who may ask: one immutable value, replaced as a whole when the configuration is read again.
public final class AccessRules: Sendable {
    /// The keys that are valid.
    public let keys: KeyRing
    /// The web pages that may ask, and the names by which the gateway may be asked.
    public let web: WebPolicy

    /// Creates rules.
    public init(keys: KeyRing, web: WebPolicy = WebPolicy()) {
        self.keys = keys
        self.web = web
    }

    /// Who asks with this head; nil if a key is needed and none that is known was given.
    ///
    /// - Parameter last: The key that the same connection presented last.
    func caller(_ head: RequestHead, last: inout PresentedKey) -> Caller? {
        if keys.isEmpty { return .anyone }
        return KeyRing.withPresentedKey(head) { key in
            if let known = last.caller(of: key, by: self) { return known }
            guard let caller = keys.caller(key) else { return nil }
            last.remember(key, of: caller, by: self)
            return caller
        }
    }
}
