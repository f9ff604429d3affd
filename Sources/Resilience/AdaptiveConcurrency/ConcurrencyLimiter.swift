import Synchronization

/// Bounds how many calls run at a time by a limit that it finds itself, from the latency that they see.
///
/// ```swift
/// let limiter = ConcurrencyLimiter("search")
/// let permit = try limiter.enter()
/// let answer = try await search(query)  // an error drops the permit, which counts as ignored
/// permit.success(latency: answer.timeToFirstByte)
/// ```
///
/// The caller says which latency counts. Where an answer's length decides how long it takes, as with language models,
/// the time to the first token or the time per token says more about the load than the whole.
///
/// There is no queue: a call beyond the limit is rejected at once.
public final class ConcurrencyLimiter: Sendable {
    /// The name that rejections and events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: ConcurrencyLimitPolicy

    private let machine: Mutex<StateMachine>
    private let onEvent: (@Sendable (ConcurrencyLimiterEvent) -> Void)?

    /// Creates a limiter through which nothing runs.
    ///
    /// - Parameter onEvent: Told about each rejected call, and each change of the limit's whole part.
    public init(
        _ name: String, policy: ConcurrencyLimitPolicy = ConcurrencyLimitPolicy(), chance: Chance = .system(),
        onEvent: (@Sendable (ConcurrencyLimiterEvent) -> Void)? = nil
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.policy = policy
        self.onEvent = onEvent
        machine = Mutex(StateMachine(policy, chance: chance))
    }

    /// Lets a call in if the limit allows it, for a cancelled caller too.
    ///
    /// - Throws: ``Rejection`` with reason `full`.
    public func enter() throws(Rejection) -> Permit {
        guard let entered = machine.withLock({ $0.enter() }) else {
            if let onEvent { onEvent(machine.withLock { $0.event(.rejected, of: name) }) }
            throw Rejection(.full, strategy: name)
        }
        return Permit(limiter: self, entered: entered)
    }

    /// What a limiter shows of itself.
    public struct Snapshot: Sendable, Hashable {
        /// The calls that may run at a time, now.
        public var limit: Int
        /// The calls that run.
        public var inFlight: Int
        /// The latency that counts as unloaded; nil before the first call has ended, and with AIMD.
        public var baseline: Duration?
        /// Whether the limit is halved for a moment, to see the latency without a queue.
        public var isProbing: Bool
    }

    /// The limit and the calls under it, now.
    public var snapshot: Snapshot {
        machine.withLock { machine in
            Snapshot(
                limit: machine.limit, inFlight: machine.inFlight,
                baseline: machine.baseline > 0
                    ? Duration.nanoseconds(1).saturating(times: machine.baseline) : nil,
                isProbing: machine.isProbing)
        }
    }

    fileprivate func leave(_ outcome: Outcome, entered: Int) {
        guard let onEvent else { return machine.withLock { $0.leave(outcome, entered: entered) } }
        let event = machine.withLock { machine -> ConcurrencyLimiterEvent? in
            let before = machine.limit
            machine.leave(outcome, entered: entered)
            return machine.limit == before ? nil : machine.event(.changed(from: before), of: name)
        }
        if let event { onEvent(event) }
    }
}

extension ConcurrencyLimiter {
    /// The right to make one call. It ends once: by one of its methods, or as ignored when it is dropped.
    public struct Permit: ~Copyable, Sendable {
        private let limiter: ConcurrencyLimiter
        private let entered: Int
        private var settled = false

        fileprivate init(limiter: ConcurrencyLimiter, entered: Int) {
            self.limiter = limiter
            self.entered = entered
        }

        /// The call got its answer.
        ///
        /// - Parameter latency: The time that counts; the same kind of time for all calls of a limiter.
        public consuming func success(latency: Duration) {
            settled = true
            limiter.leave(.success(latency / .nanoseconds(1)), entered: entered)
        }

        /// The other side was overloaded: it refused the call, or did not answer in time.
        public consuming func dropped() {
            settled = true
            limiter.leave(.dropped, entered: entered)
        }

        /// The call says nothing about the load; for example it was cancelled, or was wrong in itself.
        public consuming func ignored() {
            settled = true
            limiter.leave(.ignored, entered: entered)
        }

        deinit {
            if !settled { limiter.leave(.ignored, entered: entered) }
        }
    }
}
