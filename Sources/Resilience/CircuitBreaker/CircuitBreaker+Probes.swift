// What the probes of a half-open breaker say.
extension CircuitBreaker.StateMachine {
    mutating func recordProbe(
        _ outcome: CircuitBreaker.Outcome, of ticket: CircuitBreaker.Ticket, took: Duration?, at now: Instant
    ) -> CircuitBreaker.Transition? {
        guard let index = probes.firstIndex(where: { $0.id == ticket.probe }) else {
            late += 1
            return nil
        }
        probes.remove(at: index)
        guard let result = Result(outcome, took: took, slowAbove: slowLimit) else { return nil }
        tally.add(failed: result.failed, slow: result.slow)
        consecutiveSuccesses = result.failed ? 0 : consecutiveSuccesses + 1
        return conclude(retryAfter: result.retryAfter, at: now)
    }

    /// Closes or opens if the results of the probes are enough for it.
    mutating func conclude(retryAfter: Duration?, at now: Instant) -> CircuitBreaker.Transition? {
        switch judge() {
        case nil: return nil
        case true?:
            if !policy.ramp.isEmpty, case .halfOpen(_, let openedFor) = phase {
                return startRamp(openedFor, at: now)
            }
            return close(at: now)
        case false?:
            return resumeOpening(retryAfter: retryAfter, at: now)
                ?? open(tally, retryAfter: retryAfter, at: now)
        }
    }

    /// True to close, false to open, nil to wait for more results.
    private mutating func judge() -> Bool? {
        let successes = tally.calls - tally.failures
        switch policy.verdict {
        case .consecutiveSuccesses(let count):
            if tally.failures > 0 { return false }
            return consecutiveSuccesses >= max(1, count) ? true : nil
        case .rate(let calls):
            return tally.calls >= max(1, calls) ? !ratesReached(tally) : nil
        case .successes(let needed, let calls):
            if successes >= needed { return true }
            return tally.failures > max(1, calls) - needed ? false : nil
        case .tolerance(let share, let calls):
            if Double(tally.failures) > share * Double(max(1, calls)) { return false }
            return tally.calls >= max(1, calls) ? true : nil
        }
    }
}
