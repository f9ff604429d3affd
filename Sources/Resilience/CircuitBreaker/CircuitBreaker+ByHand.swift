import Synchronization

// What an operator does to a breaker.
extension CircuitBreaker {
    /// A hold on a breaker: it stays isolated until every hold is ended.
    ///
    /// A hold that is dropped without being ended stays. (cockatiel's handles; there `dispose` ends one.)
    public final class Isolation: Sendable {
        /// The breaker that is held.
        public let breaker: CircuitBreaker
        private let epoch: UInt64
        private let ended = Atomic<Bool>(false)

        fileprivate init(_ breaker: CircuitBreaker, epoch: UInt64) {
            self.breaker = breaker
            self.epoch = epoch
        }

        /// Ends this hold; the end of the last one closes the breaker. Does nothing when it has ended before, as all
        /// holds do when the breaker is closed, switched off or made to watch only.
        public func end() {
            guard !ended.exchange(true, ordering: .relaxed) else { return }
            let now = breaker.time.now, epoch = epoch
            breaker.report(breaker.decide { $0.release(ofEpoch: epoch, at: now) })
        }
    }

    /// Holds the breaker open; calls are rejected as `isolated` until the hold that is returned has been ended, and
    /// those of all others. Time never ends a hold.
    @discardableResult
    public func isolate() -> Isolation {
        let now = time.now
        let (transition, epoch) = decide { machine in (machine.isolate(at: now), machine.holdEpoch) }
        report(transition)
        return Isolation(self, epoch: epoch)
    }

    /// Gives back a hold whose handle was not kept; the last one closes the breaker.
    public func release() {
        let now = time.now
        report(decide { $0.release(at: now) })
    }

    /// Opens the breaker, for `duration` or for as long as its policy says. An isolated one stays isolated.
    public func open(for duration: Duration? = nil) {
        let now = time.now
        report(decide { $0.forceOpen(for: duration, at: now) })
    }

    /// Lets probes through now. An isolated breaker stays isolated.
    public func halfOpen() {
        let now = time.now
        report(decide { $0.forceHalfOpen(at: now) })
    }

    /// Closes the breaker, ends all holds and whatever else was set by hand, and forgets what it counted. What it
    /// learned of the normal failure rate and time stays.
    public func close() {
        let now = time.now
        report(decide { $0.forceClosed(at: now) })
    }

    /// Ends all holds, lets all calls through and counts none, until ``close()``.
    public func disable() {
        let now = time.now
        report(decide { $0.disable(at: now) })
    }

    /// Ends all holds and only watches from now on, until ``enforce()`` or ``close()``: counts and reports what it
    /// would do, but rejects no call. See ``CircuitBreakerPolicy/shadow``.
    public func shadow() {
        let now = time.now
        report(decide { $0.watch(at: now) })
    }

    /// Rejects calls from now on, whatever the policy says about watching only, until ``shadow()`` or ``close()``. A
    /// breaker that would be open is open.
    public func enforce() {
        decide { $0.shadowByHand = false }
    }
}

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

    /// Closes the breaker, ends all that was set by hand and forgets what it counted.
    mutating func forceClosed(at now: Instant) -> CircuitBreaker.Transition? {
        endHolds()
        shadowByHand = nil
        openings = 0
        return enter(.closed(since: now), at: now)
    }

    /// Lets all calls through and counts none.
    mutating func disable(at now: Instant) -> CircuitBreaker.Transition? {
        endHolds()
        return enter(.disabled, at: now)
    }

    /// Goes on without refusing any call; counts anew if it did not count.
    mutating func watch(at now: Instant) -> CircuitBreaker.Transition? {
        endHolds()
        shadowByHand = true
        switch phase {
        case .isolated, .disabled: return enter(.closed(since: now), at: now)
        case .closed, .open, .halfOpen, .ramping: return nil
        }
    }

    /// Holds the breaker open until as many ``release(ofEpoch:at:)`` follow.
    mutating func isolate(at now: Instant) -> CircuitBreaker.Transition? {
        holds += 1
        return holds == 1 ? enter(.isolated, at: now) : nil
    }

    /// Gives one hold back; the last one closes the breaker.
    ///
    /// - Parameter epoch: That in which the hold began, if it is known: holds of earlier ones are over.
    mutating func release(ofEpoch epoch: UInt64? = nil, at now: Instant) -> CircuitBreaker.Transition? {
        guard holds > 0, epoch == nil || epoch == holdEpoch else { return nil }
        holds -= 1
        guard holds == 0 else { return nil }
        endHolds()
        openings = 0
        return enter(.closed(since: now), at: now)
    }

    private mutating func endHolds() {
        holds = 0
        holdEpoch &+= 1
    }
}
