/// What a circuit breaker reports: its changes of state.
public struct CircuitBreakerEvent: Sendable, Hashable {
    /// The name of the breaker.
    public var breaker: String
    /// The state before.
    public var from: CircuitBreaker.State
    /// The state now.
    public var to: CircuitBreaker.State
    /// How long an opening lasts; nil for other changes.
    public var openFor: Duration?
    /// How often the breaker has opened without forgetting it, this opening included.
    public var openings: Int
    /// The calls, failures and slow calls that the decision was based on.
    public var calls: Int
    /// Those that failed.
    public var failures: Int
    /// Those that were slow.
    public var slowCalls: Int
    /// Whether the breaker only watched: this is what it would have done, and calls passed all the same.
    public var shadow: Bool

    init(_ transition: CircuitBreaker.Transition, of breaker: String) {
        self.breaker = breaker
        from = transition.from
        to = transition.to
        openFor = transition.openFor
        openings = transition.openings
        calls = transition.counts.calls
        failures = transition.counts.failures
        slowCalls = transition.counts.slow
        shadow = transition.shadow
    }
}
