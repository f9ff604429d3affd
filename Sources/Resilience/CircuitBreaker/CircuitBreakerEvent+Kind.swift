extension CircuitBreakerEvent: ResilienceEvent {
    /// The breaker's name.
    public var strategy: String { breaker }

    /// The state now: `circuit_opened`, `circuit_half_opened`, `circuit_closed`, `circuit_isolated` or
    /// `circuit_disabled`. A breaker that only watches tells `circuit_shadow_opened`, `circuit_shadow_half_opened` and
    /// `circuit_shadow_closed`, so that nobody takes it for one that rejects calls.
    public var kind: String {
        switch to {
        case .open: shadow ? "circuit_shadow_opened" : "circuit_opened"
        case .halfOpen: shadow ? "circuit_shadow_half_opened" : "circuit_half_opened"
        case .closed: shadow ? "circuit_shadow_closed" : "circuit_closed"
        case .isolated: "circuit_isolated"
        case .disabled: "circuit_disabled"
        }
    }

    /// An error when it opened, a warning when it is held open or switched off by hand, else information; so is an
    /// opening of a breaker that only watches.
    public var severity: EventSeverity {
        switch to {
        case .open: shadow ? .information : .error
        case .isolated, .disabled: .warning
        case .halfOpen, .closed: .information
        }
    }
}
