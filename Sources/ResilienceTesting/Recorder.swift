import Synchronization

/// Keeps what was reported to it, in order.
public final class Recorder<Event: Sendable>: Sendable {
    private let kept = Mutex<[Event]>([])

    /// Creates an empty recorder.
    public init() {}

    /// What was recorded so far.
    public var events: [Event] { kept.withLock { $0 } }

    /// Keeps `event`.
    public func record(_ event: Event) {
        kept.withLock { $0.append(event) }
    }
}
