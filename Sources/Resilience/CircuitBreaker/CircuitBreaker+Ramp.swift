// After a verdict to close, a growing share of calls passes, so that all who waited do not come at once.
extension CircuitBreaker.StateMachine {
    /// The number of calls at which the rates are judged, if the policy does not judge fewer.
    private static let judgedOnRamp = 5

    /// Begins the ramp: half-open as before to others, with nothing counted yet.
    mutating func startRamp(_ openedFor: Duration, at now: Instant) -> CircuitBreaker.Transition? {
        restart(as: .ramping(since: now, stage: 0, openedFor: openedFor))
        return nil
    }

    /// Lets a call pass with the chance of the present stage.
    mutating func admitRamping(_ since: Instant, _ stage: Int, at now: Instant) -> CircuitBreaker.Admission {
        let share = policy.ramp[min(stage, policy.ramp.count - 1)]
        if chance.unit() < share {
            return .admitted(CircuitBreaker.Ticket(generation: generation, probe: nil))
        }
        let left = policy.rampStage - now.since(since)
        return refuse(.probesBusy, min(max(.zero, left), Self.longestWaitForProbe))
    }

    /// Counts a result of the ramp, which opens by the same rules as a closed breaker and never waits for a verdict.
    mutating func recordRamping(_ outcome: CircuitBreaker.Outcome, took: Duration?, at now: Instant)
        -> CircuitBreaker.Transition?
    {
        guard let result = Result(outcome, took: took, slowAbove: slowLimit) else { return nil }
        tally.add(failed: result.failed, slow: result.slow)
        guard tally.calls >= min(policy.judgedCalls, Self.judgedOnRamp), ratesReached(tally) else {
            return nil
        }
        return open(tally, retryAfter: result.retryAfter, at: now)
    }

    /// Goes on to the next stage, or closes after the last.
    mutating func advanceRamp(_ since: Instant, _ stage: Int, _ openedFor: Duration, at now: Instant)
        -> CircuitBreaker.Transition?
    {
        let stages = Int(min(now.since(since) / max(policy.rampStage, .milliseconds(1)), 1_000_000))
        guard stages > 0 else { return nil }
        guard stage + stages < policy.ramp.count else { return close(at: now) }
        phase = .ramping(
            since: since.advanced(by: policy.rampStage * stages), stage: stage + stages, openedFor: openedFor)
        return nil
    }
}
