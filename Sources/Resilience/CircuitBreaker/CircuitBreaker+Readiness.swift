extension CircuitBreaker {
    /// Whether a call would be let through.
    public enum Readiness: Sendable, Hashable {
        /// Like any other.
        case ready
        /// As a probe, or as one of the share that passes before the breaker closes.
        case probing
        /// It would be rejected.
        case rejecting
    }
}

extension CircuitBreaker.StateMachine {
    /// Whether a call would be let through at `now`.
    func readiness(at now: Instant) -> CircuitBreaker.Readiness {
        switch phase {
        case .closed, .disabled: .ready
        case .isolated: .rejecting
        case .ramping: .probing
        case .open(let until, _): now >= until ? .probing : isShadow ? .ready : .rejecting
        case .halfOpen: hasPlace(at: now) ? .probing : isShadow ? .ready : .rejecting
        }
    }
}
