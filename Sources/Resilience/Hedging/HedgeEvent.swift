/// A hedge was due.
public struct HedgeEvent: Sendable, Hashable {
    /// The hedge's name.
    public var hedge: String
    /// The attempt's number, from 1.
    public var attempt: Int
    /// Whether the budget allowed it.
    public var isAllowed: Bool
}

extension HedgeEvent: ResilienceEvent {
    /// The hedge's name.
    public var strategy: String { hedge }

    /// `hedge_began`, or `hedge_withheld` when the budget did not allow it.
    public var kind: String { isAllowed ? "hedge_began" : "hedge_withheld" }

    /// A warning when it was withheld, else information.
    public var severity: EventSeverity { isAllowed ? .information : .warning }
}
