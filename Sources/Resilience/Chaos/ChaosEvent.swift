/// What a chaos strategy reports: each call that it disturbs, before it does.
public struct ChaosEvent: Sendable, Hashable {
    /// How a call is disturbed.
    @nonexhaustive
    public enum Injection: Sendable, Hashable {
        /// It fails without being made.
        case fault
        /// It is made after a wait.
        case latency(Duration)
        /// It is answered without being made.
        case outcome
        /// It is made after something else was done.
        case behavior
        /// It was drawn to be answered, but asks for a value of another type; it is made undisturbed.
        case misfit
    }

    /// The strategy's name.
    public var strategy: String
    /// How the call is disturbed.
    public var injection: Injection
    /// The attempt's number, from 0.
    public var attempt: Int
}

extension ChaosEvent: ResilienceEvent {
    /// `chaos_fault`, `chaos_latency`, `chaos_outcome`, `chaos_behavior` or `chaos_misfit`.
    public var kind: String {
        switch injection {
        case .fault: "chaos_fault"
        case .latency: "chaos_latency"
        case .outcome: "chaos_outcome"
        case .behavior: "chaos_behavior"
        case .misfit: "chaos_misfit"
        }
    }

    /// A warning for a misfit, which is a mistake of whoever put the layer there, else information.
    public var severity: EventSeverity { injection == .misfit ? .warning : .information }
}
