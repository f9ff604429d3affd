import Resilience
import Routing
import Synchronization

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
