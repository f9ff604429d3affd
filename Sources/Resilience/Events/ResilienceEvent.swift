/// Something that a strategy did, told to its `onEvent` closure.
///
/// An event is told once, at the moment it happens and before the call goes on, on the thread of whoever caused it, and
/// never under a lock of the strategy: the closure may ask the strategy anything. Events of one call come in the order in
/// which they happened; those of calls on several threads may overtake each other on the way. The call waits for the
/// closure, so it should do little: an ``EventBuffer`` takes events in and lets somebody else do the rest.
///
/// A strategy to which nobody listens pays for looking whether somebody does.
public protocol ResilienceEvent: Sendable {
    /// The name of the strategy, as given when it was made.
    var strategy: String { get }
    /// What happened, as a word that does not change between versions, such as `circuit_opened`.
    var kind: String { get }
    /// How much it should trouble whoever reads it.
    var severity: EventSeverity { get }
}

/// How much an event should trouble whoever reads it.
@nonexhaustive
public enum EventSeverity: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    /// Happens for many calls and is as it should be.
    case debug
    /// Happens seldom and is as it should be.
    case information
    /// A strategy had to step in: a call was made again, or rejected, or served by something else.
    case warning
    /// A defence is up for many calls, or the last one of a call has failed.
    case error

    private var rank: Int {
        switch self {
        case .debug: 0
        case .information: 1
        case .warning: 2
        case .error: 3
        }
    }

    /// Whether the left one troubles less.
    public static func < (left: EventSeverity, right: EventSeverity) -> Bool {
        left.rank < right.rank
    }
}
