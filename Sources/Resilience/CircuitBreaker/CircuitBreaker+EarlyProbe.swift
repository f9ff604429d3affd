// Probes before the open time is over, for calls that nobody else can serve.
extension CircuitBreaker {
    /// Asks to let one call through although the breaker is open or its probes are out: for a call that nobody else can
    /// serve, so that keeping it away protects nobody.
    ///
    /// Early probes are rare: each comes at least `interval` after the breaker opened and after the probe before it. A
    /// probe that is slow to end does not keep the next one away. What a server asked for by Retry-After is kept to. In
    /// every other state this is ``admit()``.
    ///
    /// - Parameter interval: Range: above 0.
    /// - Throws: ``Rejection`` with the time until the next early probe, or with reason `isolated`.
    public func admitEarly(every interval: Duration) throws(Rejection) -> Permit {
        let now = time.now
        let (admission, transition) = decide { $0.admitEarly(every: interval, at: now) }
        report(transition)
        switch admission {
        case .admitted(let ticket):
            return Permit(breaker: self, admitted: Admitted(ticket, at: now.sinceOrigin.wholeNanoseconds))
        case .refused(let reason, let wait): throw Rejection(reason, strategy: name, retryAfter: wait)
        }
    }
}

extension CircuitBreaker.StateMachine {
    /// Asks to let one call through that nobody else can serve.
    mutating func admitEarly(every interval: Duration, at now: Instant) -> (
        CircuitBreaker.Admission, CircuitBreaker.Transition?
    ) {
        let (admission, transition) = admit(at: now)
        guard case .refused(let reason, _) = admission, let openedFor = openedFor else {
            return (admission, transition)
        }
        let due = max(probedOrOpenedAt?.advanced(by: interval) ?? now, wishedUntil ?? now)
        guard now >= due else { return (.refused(reason, retryAfter: due.since(now)), transition) }
        rejected &-= 1
        var opening = transition
        if case .open(let until, _) = phase {
            opening = enter(.halfOpen(since: now, openedFor: openedFor), at: now)
            interruptedUntil = until
        }
        return (admitProbe(at: now), opening)
    }

    /// Goes on with the opening that an early probe has interrupted, which its failure makes no longer.
    ///
    /// - Returns: Nil if there is none, or it would be over by now.
    mutating func resumeOpening(retryAfter: Duration?, at now: Instant) -> CircuitBreaker.Transition? {
        guard let until = interruptedUntil, until > now, case .halfOpen(_, let openedFor) = phase else {
            return nil
        }
        let seen = tally, transition = enter(.open(until: until, for: openedFor), seen: seen, at: now)
        probedOrOpenedAt = now
        lengthen(by: retryAfter, at: now)
        return transition
    }

    /// How long the present opening lasts; nil unless the breaker is open or half-open.
    private var openedFor: Duration? {
        switch phase {
        case .open(_, let openedFor), .halfOpen(_, let openedFor): openedFor
        case .closed, .ramping, .isolated, .disabled: nil
        }
    }
}
