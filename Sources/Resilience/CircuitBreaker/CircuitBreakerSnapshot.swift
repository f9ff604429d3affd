import Synchronization

extension CircuitBreaker {
    /// What a breaker shows of itself.
    public struct Snapshot: Sendable, Hashable {
        /// The state at the time of the snapshot.
        public var state: State
        /// The calls that count now: in the window, of the probes, or those that caused the opening.
        public var calls: Int
        /// Those that failed.
        public var failures: Int
        /// Those that were slow.
        public var slowCalls: Int
        /// Openings that are not forgotten yet.
        public var openings: Int
        /// The time until an open breaker lets a probe through; zero in every other state.
        public var remainingOpen: Duration
        /// Calls rejected since the last change of state; those that would have been, if it only watches. Counted
        /// without a lock: of calls that are rejected at the same instant on several threads some may be missed.
        public var rejected: Int
        /// Results that came too late to count, in all.
        public var late: Int
        /// Whether it only watches: calls pass although the state says otherwise.
        public var shadow: Bool
        /// The holds by hand that are not given back.
        public var holds: Int
        /// The failure rate at which it would open now: learned, for the number of calls that count, or the policy's.
        /// Nil for never.
        public var effectiveFailureRate: Double?
        /// The duration above which a call is slow now: learned or the policy's. Nil when calls are not timed.
        public var effectiveSlowCallDuration: Duration?
        /// The failure rate that was learned to be normal; nil unless it follows what is normal.
        public var normalFailureRate: Double?
        /// The time that was learned to be normal for a call; nil unless it follows what is normal and knows it.
        public var normalDuration: Duration?
    }

    /// The breaker's state and counts now.
    public var snapshot: Snapshot {
        let now = time.now
        var (snapshot, transition) = decide { machine in
            let transition = machine.advance(at: now)
            return (machine.snapshot(at: now), transition)
        }
        // Those that were refused without asking the machine.
        snapshot.rejected &+= refused.load(ordering: .relaxed)
        report(transition)
        return snapshot
    }
}

extension CircuitBreaker.StateMachine {
    /// What there is to show at `now`, to which ``advance(at:)`` has brought it.
    func snapshot(at now: Instant) -> CircuitBreaker.Snapshot {
        let counts = counts
        return CircuitBreaker.Snapshot(
            state: state, calls: counts.calls, failures: counts.failures, slowCalls: counts.slow,
            openings: openings, remainingOpen: remainingOpen(at: now), rejected: rejected, late: late,
            shadow: isShadow, holds: holds,
            effectiveFailureRate: adaptive?.rate(for: max(counts.calls, policy.judgedCalls))
                ?? policy.failureRate,
            effectiveSlowCallDuration: slowLimit, normalFailureRate: adaptive?.normal,
            normalDuration: slowness?.normal)
    }
}
