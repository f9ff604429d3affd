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
}
