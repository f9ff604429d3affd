extension CircuitBreakerEvent: ResilienceEvent {
    /// The breaker's name.
    public var strategy: String { breaker }

    /// The state now: `circuit_opened`, `circuit_half_opened`, `circuit_closed`, `circuit_isolated` or
    /// `circuit_disabled`.
    public var kind: String {
        switch to {
        case .open: "circuit_opened"
        case .halfOpen: "circuit_half_opened"
        case .closed: "circuit_closed"
        case .isolated: "circuit_isolated"
        case .disabled: "circuit_disabled"
        }
    }

    /// An error when it opened, a warning when it is held open or switched off by hand, else information.
    public var severity: EventSeverity {
        switch to {
        case .open: .error
        case .isolated, .disabled: .warning
        case .halfOpen, .closed: .information
        }
    }
}
