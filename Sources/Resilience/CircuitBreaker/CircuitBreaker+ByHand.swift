// What an operator does to a breaker.
extension CircuitBreaker.StateMachine {
    /// Opens the breaker now, for `duration` or for as long as its policy says.
    mutating func forceOpen(for duration: Duration? = nil, at now: Instant) -> CircuitBreaker.Transition? {
        guard holds == 0 else { return nil }
        return open(counts, retryAfter: nil, exactly: duration, at: now)
    }

    /// Lets probes through now.
    mutating func forceHalfOpen(at now: Instant) -> CircuitBreaker.Transition? {
        guard holds == 0 else { return nil }
        return enter(.halfOpen(since: now, openedFor: openDuration(openings: max(1, openings))), at: now)
    }

    /// Closes the breaker, ends all holds and forgets what it knew.
    mutating func forceClosed(at now: Instant) -> CircuitBreaker.Transition? {
        holds = 0
        openings = 0
        return enter(.closed(since: now), at: now)
    }

    /// Lets all calls through and counts none.
    mutating func disable(at now: Instant) -> CircuitBreaker.Transition? {
        holds = 0
        return enter(.disabled, at: now)
    }

    /// Holds the breaker open until as many ``release(at:)`` follow.
    mutating func isolate(at now: Instant) -> CircuitBreaker.Transition? {
        holds += 1
        return holds == 1 ? enter(.isolated, at: now) : nil
    }

    /// Gives one hold back; the last one closes the breaker.
    mutating func release(at now: Instant) -> CircuitBreaker.Transition? {
        guard holds > 0 else { return nil }
        holds -= 1
        return holds == 0 ? forceClosed(at: now) : nil
    }
}
