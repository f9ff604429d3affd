public import Generation
public import Resilience

/// Until when a target must be left alone because it asked for it, or because its key is not accepted.
///
/// That is not illness, so the breaker knows nothing of it. A decision: no clock, lock or task.
public struct Cooldown: Sendable, Hashable {
    private(set) var until: Instant?
    private(set) var kind: FailureClass?

    /// Creates one that has not begun.
    public init() {}

    /// Leaves the target alone for `duration`. A longer time that was set before stays.
    public mutating func extend(by duration: Duration, because kind: FailureClass, at now: Instant) {
        let end = now.advanced(by: duration)
        if let until, until >= end { return }
        until = end
        self.kind = kind
    }

    /// The time that is left, and why; nil if the target may be used.
    public func remaining(at now: Instant) -> (time: Duration, kind: FailureClass)? {
        guard let until, let kind, now < until else { return nil }
        return (until.since(now), kind)
    }

    /// Ends the cooldown if it is for that reason.
    public mutating func end(_ kind: FailureClass) {
        if self.kind == kind { (until, self.kind) = (nil, nil) }
    }
}
