public import Generation
public import Resilience

/// What happens to targets and should be known to whoever runs the gateway.
public enum TargetEvent: Sendable, Hashable {
    /// A breaker changed its state.
    case breaker(CircuitBreakerEvent)
    /// A target began to be left alone.
    case cooling(target: String, because: FailureClass, for: Duration)
}
