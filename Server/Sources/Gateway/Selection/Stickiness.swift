import Resilience
import Routing
import Synchronization

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

/// The sessions of one route: the shell of ``Routing/StickySessions``. Survives new configurations.
public final class SessionTable: Sendable {
    private let sessions: Mutex<StickySessions>

    /// Creates an empty table.
    public init() { sessions = Mutex(StickySessions()) }

    func target(of key: StickySessions.Key, at now: Instant, lifetime: Duration) -> String? {
        sessions.withLock { $0.target(of: key, at: now, lifetime: lifetime) }
    }

    func answered(_ key: StickySessions.Key, by target: String, at now: Instant) {
        sessions.withLock { $0.answered(key, by: target, at: now) }
    }
}
