// The probes of a half-open breaker: how many, for how long, and what they say.
extension CircuitBreaker.StateMachine {
    /// The longest that a caller is told to wait for a probe that is out, or for its turn on a ramp: a probe's result
    /// comes at any moment, and long before another opening would be over.
    static let longestWaitForProbe = Duration.seconds(1)

    /// Lets a probe through, or refuses when as many are out as the verdict needs.
    mutating func admitHalfOpen(_ since: Instant, _ openedFor: Duration, at now: Instant)
        -> CircuitBreaker.Admission
    {
        guard tally.calls + probes.count < policy.verdict.probes else {
            let left = since.advanced(by: openedFor).since(now)
            let wait = min(left > .zero ? left : openedFor, Self.longestWaitForProbe)
            return refuse(.probesBusy, min(wait, timeForOldest(at: now) ?? wait))
        }
        return admitProbe(at: now)
    }

    /// Lets a probe through.
    mutating func admitProbe(at now: Instant) -> CircuitBreaker.Admission {
        probesGiven &+= 1
        probes.append(Probe(id: probesGiven, since: now))
        probedOrOpenedAt = now
        return .admitted(CircuitBreaker.Ticket(generation: generation, probe: probesGiven))
    }

    /// Whether a half-open breaker would let a probe through at `now`.
    func hasPlace(at now: Instant) -> Bool {
        let lost = longestProbe.map { longest in probes.count { now.since($0.since) >= longest } } ?? 0
        if lost > 0, beginsAnew { return true }
        return tally.calls + probes.count - lost < policy.verdict.probes
    }

    /// The time until the place of the oldest probe that is out is given back; nil if there is none, or for never.
    private func timeForOldest(at now: Instant) -> Duration? {
        guard let oldest = probes.first, let longest = longestProbe else { return nil }
        return longest - now.since(oldest.since)
    }

    /// How long a probe may be out, whatever follows from it.
    private var longestProbe: Duration? {
        guard let lease = policy.probeLease, let limit = policy.maximumHalfOpen else {
            return policy.probeLease ?? policy.maximumHalfOpen
        }
        return min(lease, limit)
    }

    /// Whether a probe that is out too long ends the results of the others as well.
    private var beginsAnew: Bool {
        guard let limit = policy.maximumHalfOpen else { return false }
        return policy.probeLease.map { limit < $0 } ?? true
    }

    /// Gives back the places of probes that are out for too long: nobody knows whether they ever come back.
    mutating func expireProbes(_ openedFor: Duration, at now: Instant) {
        guard let left = timeForOldest(at: now), left <= .zero, let longest = longestProbe else { return }
        guard beginsAnew else { return probes.removeAll { now.since($0.since) >= longest } }
        // The probe of an interrupted opening has made it no longer.
        let interrupted = interruptedUntil
        restart(as: .halfOpen(since: now, openedFor: openedFor))
        interruptedUntil = interrupted
    }

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
