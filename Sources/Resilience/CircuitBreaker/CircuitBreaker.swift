import Synchronization

/// Stops calling something that fails, and tries carefully whether it works again.
///
/// Closed, it lets calls through and counts them; when too many fail or are slow it opens and rejects calls at once,
/// with the time to wait; after that time it is half-open and lets a few probes through, whose results close it or
/// open it for longer. One breaker may be shared by calls of any result type.
///
/// ```swift
/// let breaker = CircuitBreaker("search", policy: CircuitBreakerPolicy(failureRate: 0.5, minimumCalls: 20))
/// let answer = try await breaker.run { try await search(query) }
/// ```
///
/// A result counts only for the generation of the breaker in which its call was admitted: a call from before an
/// opening can neither close nor reopen it. What is late is shown in ``Snapshot/late``.
public final class CircuitBreaker: Sendable {
    /// The name that rejections and events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: CircuitBreakerPolicy

    private let machine: Mutex<StateMachine>
    private let time: TimeSource
    /// Whether a closed breaker's results can be counted without reading the clock.
    private let countsWithoutTime: Bool
    private let onEvent: (@Sendable (CircuitBreakerEvent) -> Void)?

    /// Creates a closed breaker.
    ///
    /// - Parameters:
    ///   - onEvent: Called after each change of state, outside the lock, on the thread of the call that caused it.
    public init(
        _ name: String, policy: CircuitBreakerPolicy = CircuitBreakerPolicy(),
        time: TimeSource = TimeSource(),
        chance: Chance = .system(), onEvent: (@Sendable (CircuitBreakerEvent) -> Void)? = nil
    ) {
        self.name = name
        self.policy = policy
        self.time = time
        self.onEvent = onEvent
        let machine = StateMachine(policy, chance: chance, at: time.now)
        countsWithoutTime = policy.slowCallDuration == nil && !machine.resultsDependOnTime
        self.machine = Mutex(machine)
    }

    // MARK: Calls

    /// Runs `operation` if the breaker lets it through, and counts its result.
    ///
    /// - Parameters:
    ///   - judge: Says what a thrown error means. By default a `CancellationError` is ignored and any other error is
    ///     a failure.
    /// - Throws: ``Rejection`` when the breaker does not let the call through, else the operation's own error.
    @inlinable
    public func run<Result>(
        judging judge: (any Error) -> Outcome = CircuitBreaker.judge,
        _ operation: () async throws -> Result
    ) async throws -> Result {
        let permit = try admit()
        do {
            let result = try await operation()
            permit.settle(.success)
            return result
        } catch {
            permit.settle(judge(error))
            throw error
        }
    }

    /// What an error means when the caller does not say: cancelled calls are ignored, all others failed.
    public static func judge(_ error: any Error) -> Outcome {
        error is CancellationError ? .ignored : .failure()
    }

    /// Asks to let one call through, for callers that settle it themselves.
    ///
    /// - Throws: ``Rejection`` with reason `circuitOpen`, `probesBusy` or `isolated`.
    public func admit() throws(Rejection) -> Permit {
        // A closed breaker needs no time to admit; reading the clock costs more than everything else here.
        if let ticket = machine.withLock({ $0.admitUntimed() }) { return permit(for: ticket) }
        let now = time.now
        let (admission, transition) = machine.withLock { $0.admit(at: now) }
        report(transition)
        switch admission {
        case .admitted(let ticket): return permit(for: ticket)
        case .refused(let reason, let wait): throw Rejection(reason, strategy: name, retryAfter: wait)
        }
    }

    private func permit(for ticket: Ticket) -> Permit {
        Permit(breaker: self, ticket: ticket, startedAt: policy.slowCallDuration == nil ? nil : time.now)
    }

    fileprivate func record(_ outcome: Outcome, of ticket: Ticket, startedAt: Instant?, took: Duration?) {
        if countsWithoutTime, let trips = machine.withLock({ $0.recordUntimed(outcome, of: ticket) }) {
            guard trips else { return }
            let now = time.now, wait = outcome.retryAfter
            return report(machine.withLock { $0.open(tripping: ticket, retryAfter: wait, at: now) })
        }
        let now = time.now
        let duration = took ?? startedAt.map(now.since)
        report(machine.withLock { $0.record(outcome, of: ticket, took: duration, at: now) })
    }

    // MARK: By hand

    /// Holds the breaker open until as many calls of ``release()`` follow; calls are rejected as `isolated`.
    public func isolate() {
        let now = time.now
        report(machine.withLock { $0.isolate(at: now) })
    }

    /// Gives one hold back; the last one closes the breaker.
    public func release() {
        let now = time.now
        report(machine.withLock { $0.release(at: now) })
    }

    /// Opens the breaker, for `duration` or for as long as its policy says.
    public func open(for duration: Duration? = nil) {
        let now = time.now
        report(machine.withLock { $0.forceOpen(for: duration, at: now) })
    }

    /// Closes the breaker, ends all holds and forgets what it knew.
    public func close() {
        let now = time.now
        report(machine.withLock { $0.forceClosed(at: now) })
    }

    /// Lets all calls through and counts none, until ``close()``.
    public func disable() {
        let now = time.now
        report(machine.withLock { $0.disable(at: now) })
    }

    // MARK: What it shows

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
        /// Calls rejected since the last change of state.
        public var rejected: Int
        /// Results that came too late to count, in all.
        public var late: Int
    }

    /// The breaker's state and counts now.
    public var snapshot: Snapshot {
        let now = time.now
        let (snapshot, transition) = machine.withLock { machine in
            let transition = machine.advance(at: now)
            let counts = machine.counts
            return (
                Snapshot(
                    state: machine.state, calls: counts.calls, failures: counts.failures,
                    slowCalls: counts.slow, openings: machine.openings,
                    remainingOpen: machine.remainingOpen(at: now), rejected: machine.rejected,
                    late: machine.late), transition
            )
        }
        report(transition)
        return snapshot
    }

    /// What to keep across a restart; nil while the breaker is held or switched off by hand.
    public var memory: Memory? {
        let now = time.now
        return machine.withLock { $0.memory(at: now) }
    }

    /// Takes up where `memory` left off. Calls in flight become late.
    public func restore(_ memory: Memory) {
        let now = time.now
        machine.withLock { $0.restore(memory, at: now) }
    }

    private func report(_ transition: Transition?) {
        guard let transition, let onEvent else { return }
        onEvent(CircuitBreakerEvent(transition, of: name))
    }
}

extension CircuitBreaker {
    /// The right to make one call. It settles once: by ``settle(_:took:)``, or as ignored when it is dropped.
    public struct Permit: ~Copyable, Sendable {
        private let breaker: CircuitBreaker
        private let ticket: Ticket
        private let startedAt: Instant?
        private var settled = false

        fileprivate init(breaker: CircuitBreaker, ticket: Ticket, startedAt: Instant?) {
            self.breaker = breaker
            self.ticket = ticket
            self.startedAt = startedAt
        }

        /// Whether this call is a probe of a half-open breaker.
        public var isProbe: Bool { ticket.probe != nil }

        /// Says how the call went.
        ///
        /// - Parameter took: How long it took, when the caller knows better than the time since admission; for
        ///   example the time to the first token.
        public consuming func settle(_ outcome: Outcome, took: Duration? = nil) {
            settled = true
            breaker.record(outcome, of: ticket, startedAt: startedAt, took: took)
        }

        deinit {
            if !settled { breaker.record(.ignored, of: ticket, startedAt: nil, took: nil) }
        }
    }
}
