extension CircuitBreaker {
    /// Goes on under another policy, at once and for all calls.
    ///
    /// The state stays, and so does what was learned: the window's content as far as the new window can hold it, the
    /// openings, what is normal, holds by hand. Calls in flight count as before. An opening that has begun lasts as long
    /// as it was told; a half-open breaker whose probes are enough for the new verdict closes or opens at once; a closed
    /// one is judged by the new rules at its next result. What the new policy does not learn any more is forgotten.
    public func reconfigure(_ policy: CircuitBreakerPolicy) {
        policy.assertNoProblems(in: name)
        for transition in reconfigureUnreported(policy) { report(transition) }
    }

    /// Goes on under another policy; the caller reports what follows from it.
    func reconfigureUnreported(_ policy: CircuitBreakerPolicy) -> [Transition] {
        let now = time.now
        return decide { machine in
            defer { showSlowLimit(of: machine) }
            return machine.reconfigure(policy, at: now)
        }
    }
}

extension CircuitBreaker.StateMachine {
    /// Goes on under another policy, with what is known.
    ///
    /// - Returns: What time has changed before, and what the new policy changes at once.
    mutating func reconfigure(_ policy: CircuitBreakerPolicy, at now: Instant) -> [CircuitBreaker.Transition]
    {
        let byTime = advance(at: now), old = self.policy
        self.policy = policy
        if policy.window != old.window {
            let history = window.history(at: now)
            window = CallWindow(policy.window, at: now)
            window.refill(from: history, at: now)
        }
        relearn(at: now)
        return [byTime, settle(at: now)].compactMap(\.self)
    }

    private mutating func relearn(at now: Instant) {
        if let rate = policy.adaptiveRate {
            adaptive = adaptive ?? AdaptiveThreshold(rate, at: now)
            adaptive?.policy = rate
        } else {
            adaptive = nil
        }
        if let slow = policy.adaptiveSlowCall {
            slowness = slowness ?? SlowCallThreshold(slow, fixed: policy.slowCallDuration, at: now)
            slowness?.reconfigure(slow, fixed: policy.slowCallDuration)
        } else {
            slowness = nil
        }
    }

    /// Ends what the present policy has already ended: no more probes would come, no further stage.
    private mutating func settle(at now: Instant) -> CircuitBreaker.Transition? {
        switch phase {
        case .halfOpen where tally.calls > 0: return conclude(retryAfter: nil, at: now)
        case .ramping(_, let stage, _) where stage >= policy.ramp.count: return close(at: now)
        case .closed, .open, .halfOpen, .ramping, .isolated, .disabled: return nil
        }
    }
}
