import Gateway
import Generation
import Logging
import Resilience

/// What the operator is told of targets.
struct TargetLog: Sendable {
    let logger: Logger

    /// While a target is ill, probes change the state of its breaker again and again, twice a second where nobody else can
    /// answer: it is told when the target is first left alone and when it is well again.
    func note(_ event: CircuitBreakerEvent) {
        let isByProbe = event.to == .halfOpen || event.from == .halfOpen && event.to == .open
        logger.log(
            level: isByProbe ? .debug : .notice, "breaker \(event.from.rawValue) -> \(event.to.rawValue)",
            metadata: [
                "target": "\(event.breaker)", "calls": "\(event.calls)", "failures": "\(event.failures)",
                "slow": "\(event.slowCalls)", "open_for": "\(event.openFor.map { "\($0)" } ?? "-")",
            ])
    }

    /// A key that is not accepted, or a quota that is used up, is for the operator to mend; a rate limit passes by itself.
    func note(_ event: CooldownEvent) {
        logger.log(
            level: event.kind == .authentication || event.kind == .quotaExceeded ? .warning : .debug,
            "target is left alone",
            metadata: [
                "target": "\(event.target)", "because": "\(event.kind.rawValue)", "for": "\(event.duration)",
            ])
    }
}
