/// How a route keeps sessions at the targets that answered them.
public struct Stickiness: Sendable, Hashable {
    /// What identifies a session, together with the caller's key.
    public enum Identity: Sendable, Hashable {
        /// The value of the request's header with that lower-case name.
        case header(String)
        /// The member `user` of the request's body.
        case user

        /// The header's name, or `user`.
        public var name: String {
            switch self {
            case .header(let name): name
            case .user: "user"
            }
        }
    }

    /// What identifies a session. Default: the header `x-holdfast-session`.
    public var identity: Identity
    /// How long after its last answer a session stays. Default: 30 minutes.
    public var lifetime: Duration

    /// Creates settings.
    public init(by identity: Identity = .header("x-holdfast-session"), lifetime: Duration = .seconds(1800)) {
        self.identity = identity
        self.lifetime = lifetime
    }
}
