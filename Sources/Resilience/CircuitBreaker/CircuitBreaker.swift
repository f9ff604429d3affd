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
/// opening can neither close nor reopen it, only lengthen it by the Retry-After that it brings. What is late is shown in
/// ``Snapshot/late``.
public final class CircuitBreaker: Sendable {
    /// The name that rejections and events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: CircuitBreakerPolicy

    private let machine: Mutex<StateMachine>
    /// The machine's ``StateMachine/gate`` after its last change of state: a call is let through by one look at it.
    private let gate: Atomic<UInt64>
    /// Until when the breaker is open, in whole nanoseconds of its clock; 0 when it is not. A call of an outage is
    /// refused by one look at it and at the clock.
    private let opensAgainAt = Atomic<Int64>(0)
    /// The calls refused so since the last change of state; of calls at the same instant some may be missed.
    private let refused = Atomic<Int>(0)
    private let time: TimeSource
    /// Whether calls are timed.
    private let timesCalls: Bool
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
        timesCalls = policy.slowCallDuration != nil
        countsWithoutTime = !timesCalls && !machine.resultsDependOnTime
        gate = Atomic(machine.gate)
        self.machine = Mutex(machine)
    }

    /// Lets the machine decide something that may change its state.
    private func decide<Answer: Sendable>(_ body: (inout sending StateMachine) -> Answer) -> Answer {
        machine.withLock { machine in
            let answer = body(&machine)
            publish(&machine)
            return answer
        }
    }

    /// Shows what changed to calls that do not take the lock.
    private func publish(_ machine: inout StateMachine) {
        let now = machine.gate
        guard now != gate.load(ordering: .relaxed) else { return }
        refused.store(0, ordering: .relaxed)
        opensAgainAt.store(machine.openUntil?.sinceOrigin.nanosecondsRoundedUp ?? 0, ordering: .relaxed)
        gate.store(now, ordering: .releasing)
    }

    // MARK: Calls

    /// Runs `operation` if the breaker lets it through, and counts its result.
    ///
    /// - Parameters:
    ///   - judge: Says what a thrown error means. By default a `CancellationError` is ignored and any other error is
    ///     a failure.
    /// - Throws: ``Rejection`` when the breaker does not let the call through, else the operation's own error.
    @inlinable
    @inline(__always)
    public func run<Result>(
        judging judge: (any Error) -> Outcome = CircuitBreaker.judge,
        _ operation: () async throws -> Result
    ) async throws -> Result {
        let admitted = try enter()
        do {
            let result = try await operation()
            succeeded(admitted)
            return result
        } catch {
            leave(admitted, judge(error))
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
        Permit(breaker: self, admitted: try enter())
    }

    /// A call that was let through and must be settled once: three words, since it is carried across the call.
    @usableFromInline
    struct Admitted: Sendable {
        private let generation: UInt64
        /// Zero for none.
        private let probe: UInt64
        /// In nanoseconds of the breaker's clock; nothing unless calls are timed.
        let startedAt: Int64

        init(_ ticket: Ticket, at nanoseconds: Int64) {
            generation = ticket.generation
            probe = ticket.probe ?? 0
            startedAt = nanoseconds
        }

        var ticket: Ticket { Ticket(generation: generation, probe: probe == 0 ? nil : probe) }
    }

    @usableFromInline
    func enter() throws(Rejection) -> Admitted {
        let gate = gate.load(ordering: .acquiring)
        if gate & 1 == 0 {
            return Admitted(Ticket(gate: gate), at: timesCalls ? time.nanoseconds : 0)
        }
        return try ask()
    }

    /// Asks the machine, which an open or half-open breaker has to.
    private func ask() throws(Rejection) -> Admitted {
        let left = opensAgainAt.load(ordering: .relaxed) &- time.nanoseconds
        // The last moment is left to the machine, which knows it exactly.
        if left > 1000 {
            refused.store(refused.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
            throw Rejection(.circuitOpen, strategy: name, retryAfter: .nanoseconds(left))
        }
        let now = time.now
        let (admission, transition) = decide { $0.admit(at: now) }
        report(transition)
        switch admission {
        case .admitted(let ticket): return Admitted(ticket, at: now.sinceOrigin.wholeNanoseconds)
        case .refused(let reason, let wait): throw Rejection(reason, strategy: name, retryAfter: wait)
        }
    }

    /// Settles a call as a success: what nearly all calls are.
    @usableFromInline
    func succeeded(_ admitted: Admitted) {
        guard countsWithoutTime,
            let trips = machine.withLock({ $0.recordUntimedSuccess(of: admitted.ticket) })
        else { return leave(admitted, .success) }
        if trips { trip(admitted.ticket, retryAfter: nil) }
    }

    @usableFromInline
    func leave(_ admitted: Admitted, _ outcome: Outcome, took: Duration? = nil) {
        let ticket = admitted.ticket
        if countsWithoutTime, let trips = machine.withLock({ $0.recordUntimed(outcome, of: ticket) }) {
            if trips { trip(ticket, retryAfter: outcome.retryAfter) }
            return
        }
        let now = time.now
        let duration = took ?? (timesCalls ? now.sinceOrigin - .nanoseconds(admitted.startedAt) : nil)
        report(decide { $0.record(outcome, of: ticket, took: duration, at: now) })
    }

    /// Opens the breaker, whose trip rule was seen to hold, unless somebody else has.
    private func trip(_ ticket: Ticket, retryAfter: Duration?) {
        let now = time.now
        report(decide { $0.open(tripping: ticket, retryAfter: retryAfter, at: now) })
    }

    // MARK: By hand

    /// Holds the breaker open until as many calls of ``release()`` follow; calls are rejected as `isolated`.
    public func isolate() {
        let now = time.now
        report(decide { $0.isolate(at: now) })
    }

    /// Gives one hold back; the last one closes the breaker.
    public func release() {
        let now = time.now
        report(decide { $0.release(at: now) })
    }

    /// Opens the breaker, for `duration` or for as long as its policy says.
    public func open(for duration: Duration? = nil) {
        let now = time.now
        report(decide { $0.forceOpen(for: duration, at: now) })
    }

    /// Closes the breaker, ends all holds and forgets what it knew.
    public func close() {
        let now = time.now
        report(decide { $0.forceClosed(at: now) })
    }

    /// Lets all calls through and counts none, until ``close()``.
    public func disable() {
        let now = time.now
        report(decide { $0.disable(at: now) })
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
        /// Calls rejected since the last change of state. Counted without a lock: of calls that are rejected at the
        /// same instant on several threads some may be missed.
        public var rejected: Int
        /// Results that came too late to count, in all.
        public var late: Int
    }

    /// The breaker's state and counts now.
    public var snapshot: Snapshot {
        let now = time.now
        let (snapshot, transition) = decide { machine in
            let transition = machine.advance(at: now)
            let counts = machine.counts
            return (
                Snapshot(
                    state: machine.state, calls: counts.calls, failures: counts.failures,
                    slowCalls: counts.slow, openings: machine.openings,
                    remainingOpen: machine.remainingOpen(at: now),
                    rejected: machine.rejected + refused.load(ordering: .relaxed),
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
        decide { $0.restore(memory, at: now) }
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
        private let admitted: Admitted
        private var settled = false

        fileprivate init(breaker: CircuitBreaker, admitted: Admitted) {
            self.breaker = breaker
            self.admitted = admitted
        }

        /// Whether this call is a probe of a half-open breaker.
        public var isProbe: Bool { admitted.ticket.probe != nil }

        /// Says how the call went.
        ///
        /// - Parameter took: How long it took, when the caller knows better than the time since admission; for
        ///   example the time to the first token.
        public consuming func settle(_ outcome: Outcome, took: Duration? = nil) {
            settled = true
            breaker.leave(admitted, outcome, took: took)
        }

        deinit {
            if !settled { breaker.leave(admitted, .ignored) }
        }
    }
}
