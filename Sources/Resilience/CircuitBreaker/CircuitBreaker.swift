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
///
/// A caller that is cancelled says nothing about the other side: a call whose task is cancelled before does not run and
/// takes nothing, and an error that is thrown while it is cancelled is ignored, whatever the client makes of
/// cancellation. Only a ``Timeout`` inside still counts, as its rejection says what the time was.
public final class CircuitBreaker: Sendable {
    /// The name that rejections and events carry.
    public let name: String

    private let machine: Mutex<StateMachine>
    /// The machine's ``StateMachine/gate`` after its last change of state: a call is let through by one look at it.
    private let gate: Atomic<UInt64>
    /// Until when the breaker is open, in whole nanoseconds of its clock; 0 when it is not. A call of an outage is
    /// refused by one look at it and at the clock.
    private let opensAgainAt = Atomic<Int64>(0)
    /// Above which calls are slow, in whole nanoseconds; holds while the gate says that only slow calls matter.
    private let slowAbove = Atomic<Int64>(.max)
    /// The calls refused so since the last change of state; of calls at the same instant some may be missed.
    let refused = Atomic<Int>(0)
    let time: TimeSource
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
        policy.assertNoProblems(in: name)
        self.name = name
        self.time = time
        self.onEvent = onEvent
        let machine = StateMachine(policy, chance: chance, at: time.now)
        gate = Atomic(machine.gate)
        self.machine = Mutex(machine)
    }

    /// Lets the machine decide something that may change its state.
    func decide<Answer: Sendable>(_ body: (inout sending StateMachine) -> Answer) -> Answer {
        machine.withLock { machine in
            let answer = body(&machine)
            publish(&machine)
            return answer
        }
    }

    /// Shows what changed to calls that do not take the lock.
    private func publish(_ machine: inout StateMachine) {
        let now = machine.gate | (machine.isSpotless ? Gate.spotless : 0),
            before = gate.load(ordering: .relaxed)
        // A late Retry-After lengthens an opening without a change of state.
        guard now != before || now & Gate.asks != 0 else { return }
        opensAgainAt.store(machine.openUntil?.sinceOrigin.nanosecondsRoundedUp ?? 0, ordering: .relaxed)
        guard now != before else { return }
        showSlowLimit(of: machine)
        if now >> Gate.bits != before >> Gate.bits { refused.store(0, ordering: .relaxed) }
        gate.store(now, ordering: .releasing)
    }

    func showSlowLimit(of machine: StateMachine) {
        slowAbove.store(machine.slowLimit?.wholeNanoseconds ?? .max, ordering: .relaxed)
    }

    // MARK: Calls

    /// Runs `operation` if the breaker lets it through, and counts its result.
    ///
    /// - Parameters:
    ///   - judge: Says what a thrown error means. Default: ``judge(_:)``. Not asked while the task is cancelled.
    /// - Throws: ``Rejection`` when the breaker does not let the call through, `CancellationError` when the task was
    ///   cancelled before, else the operation's own error.
    @inlinable
    @inline(__always)
    public func run<Result>(
        judging judge: (any Error) -> Outcome = CircuitBreaker.judge,
        _ operation: () async throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        let admitted = try enter()
        do {
            let result = try await operation()
            succeeded(admitted)
            return result
        } catch {
            leave(admitted, Self.meaning(of: error, judge))
            throw error
        }
    }

    /// Runs `operation`, which does not suspend, if the breaker lets it through, and counts its result.
    ///
    /// - Parameter judge: Says what a thrown error means. Default: ``judge(_:)``. Not asked while the task is cancelled.
    /// - Throws: ``Rejection`` when the breaker does not let the call through, `CancellationError` when the task was
    ///   cancelled before, else the operation's own error.
    @inlinable
    @inline(__always)
    public func runSynchronously<Result>(
        judging judge: (any Error) -> Outcome = CircuitBreaker.judge, _ operation: () throws -> Result
    ) throws -> Result {
        try Task.checkCancellation()
        let admitted = try enter()
        do {
            let result = try operation()
            succeeded(admitted)
            return result
        } catch {
            leave(admitted, Self.meaning(of: error, judge))
            throw error
        }
    }

    /// What an error means when the caller does not say: calls that were cancelled, or did not begin since their
    /// deadline had passed, are ignored; all others failed.
    public static func judge(_ error: any Error) -> Outcome {
        if error is CancellationError { return .ignored }
        return (error as? Rejection)?.reason == .deadlinePassed ? .ignored : .failure()
    }

    /// What an error means in the present task: once that is cancelled, only the limit of a timeout inside is known to
    /// come from the other side.
    @usableFromInline
    static func meaning(of error: any Error, _ judge: (any Error) -> Outcome) -> Outcome {
        if Task.isCancelled, (error as? Rejection)?.reason != .timedOut { return .ignored }
        return judge(error)
    }

    /// Asks to let one call through, for callers that settle it themselves.
    ///
    /// Takes no notice of whether the task is cancelled; nor does settling.
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
        /// In nanoseconds of the breaker's clock; ``untimed`` if it was not read.
        let startedAt: Int64
        static let untimed = Int64.min

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
        if gate & Gate.asks == 0 {
            let now = gate & Gate.timed != 0 ? time.nanoseconds : Admitted.untimed
            return Admitted(Ticket(gate: gate), at: now)
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
        let gate = gate.load(ordering: .acquiring), ticket = admitted.ticket
        // A failure that comes in at this moment comes after this success: both orders are true ones.
        if gate & Gate.spotless != 0, ticket == Ticket(gate: gate), isQuick(admitted) { return }
        guard gate & Gate.countedUntimed != 0, let trips = countSuccess(ticket) else {
            return leaveTimed(admitted, .success, took: nil)
        }
        if trips { trip(ticket, retryAfter: nil) }
    }

    /// Whether a call that ends now was not slow.
    private func isQuick(_ admitted: Admitted) -> Bool {
        admitted.startedAt == Admitted.untimed
            || time.nanoseconds &- admitted.startedAt <= slowAbove.load(ordering: .relaxed)
    }

    private func countSuccess(_ ticket: Ticket) -> Bool? {
        machine.withLock { machine in
            let trips = machine.recordUntimedSuccess(of: ticket)
            if machine.isSpotless { publish(&machine) }
            return trips
        }
    }

    @usableFromInline
    func leave(_ admitted: Admitted, _ outcome: Outcome, took: Duration? = nil) {
        if took == nil, case .success = outcome { return succeeded(admitted) }
        let ticket = admitted.ticket
        guard gate.load(ordering: .relaxed) & Gate.countedUntimed != 0 else {
            return leaveTimed(admitted, outcome, took: took)
        }
        let trips = machine.withLock { machine in
            defer { publish(&machine) }
            return machine.recordUntimed(outcome, of: ticket)
        }
        guard let trips else { return leaveTimed(admitted, outcome, took: took) }
        if trips { trip(ticket, retryAfter: outcome.retryAfter) }
    }

    /// Settles a call whose result the machine can only judge with the time.
    private func leaveTimed(_ admitted: Admitted, _ outcome: Outcome, took: Duration?) {
        let ticket = admitted.ticket, now = time.now
        let started = admitted.startedAt
        let duration = took ?? (started != Admitted.untimed ? now.sinceOrigin - .nanoseconds(started) : nil)
        report(decide { $0.record(outcome, of: ticket, took: duration, at: now) })
    }

    /// Opens the breaker, whose trip rule was seen to hold, unless somebody else has.
    private func trip(_ ticket: Ticket, retryAfter: Duration?) {
        let now = time.now
        report(decide { $0.open(tripping: ticket, retryAfter: retryAfter, at: now) })
    }

    // MARK: Policy and events

    /// The policy in force.
    public var policy: CircuitBreakerPolicy { machine.withLock { $0.policy } }

    /// Whether a call would be let through now, without asking for it: for those who choose between several. Takes about
    /// 1 ns while the breaker is closed.
    public var readiness: Readiness {
        if gate.load(ordering: .acquiring) & Gate.asks == 0 { return .ready }
        let now = time.now
        return machine.withLock { $0.readiness(at: now) }
    }

    func report(_ transition: Transition?) {
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

        init(breaker: CircuitBreaker, admitted: Admitted) {
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
