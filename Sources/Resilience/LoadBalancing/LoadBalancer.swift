import Synchronization

/// Chooses among equal targets the one that will probably answer soonest, and leaves out those that fail.
///
/// Of two targets drawn by chance it takes the one with the lower expected latency times calls in flight. Failures
/// count as slow answers, never as fast ones.
///
/// ```swift
/// let balancer = LoadBalancer("search", targets: ["a", "b", "c"])
/// let choice = try balancer.pick()
/// let answer = try await search(query, at: choice.target)  // an error drops the choice, which counts as ignored
/// choice.success()
/// ```
public final class LoadBalancer: Sendable {
    /// The name that rejections and events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: LoadBalancerPolicy

    private let machine: Mutex<StateMachine>
    private let time: TimeSource
    private let onEvent: (@Sendable (LoadBalancerEvent) -> Void)?

    /// Creates a balancer.
    ///
    /// - Parameters:
    ///   - targets: The names of the targets; repeated ones count once.
    ///   - onEvent: Told about each target that is left out or comes back, and each call for which there is none.
    public init(
        _ name: String, targets: [String], policy: LoadBalancerPolicy = LoadBalancerPolicy(),
        time: TimeSource = TimeSource(), chance: Chance = .system(),
        onEvent: (@Sendable (LoadBalancerEvent) -> Void)? = nil
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.policy = policy
        self.time = time
        self.onEvent = onEvent
        var machine = StateMachine(policy, targets: targets, chance: chance, at: time.nanoseconds)
        machine.isWatched = onEvent != nil
        self.machine = Mutex(machine)
    }

    /// Chooses a target for a call: one that is left out for its failures only where no other may be chosen. Does not look
    /// whether the caller is cancelled: a choice that is dropped counts as ignored.
    ///
    /// - Parameter excluded: Targets not to choose, such as those that an earlier attempt was sent to.
    /// - Throws: ``Rejection`` with reason `noTarget` when none is left.
    public func pick(excluding excluded: [String] = []) throws(Rejection) -> Choice {
        let now = time.nanoseconds
        let picked = decide { machine in
            machine.pick(excluding: excluded, at: now).map { ($0, machine.target($0.slot)) }
        }
        guard let (ticket, target) = picked else {
            onEvent?(LoadBalancerEvent(strategy: name, happening: .noTarget))
            throw Rejection(.noTarget, strategy: name)
        }
        return Choice(balancer: self, target: target, ticket: ticket, startedAt: now)
    }

    /// Goes on with other targets. What is known of those that stay is kept.
    public func update(targets: [String]) {
        let now = time.nanoseconds
        decide { $0.update(targets, at: now) }
    }

    /// Changes the state, then tells what happened to targets.
    private func decide<Answer: Sendable>(_ body: (inout sending StateMachine) -> Answer) -> Answer {
        guard let onEvent else { return machine.withLock { body(&$0) } }
        let (answer, happenings) = machine.withLock { machine in
            let answer = body(&machine)
            return (answer, machine.takeHappenings())
        }
        for happening in happenings { onEvent(LoadBalancerEvent(strategy: name, happening: happening)) }
        return answer
    }

    /// What a balancer shows of a target.
    public struct TargetSnapshot: Sendable, Hashable {
        /// The target's name.
        public var target: String
        /// The latency that is expected of it.
        public var latency: Duration
        /// The calls that it has not answered yet.
        public var inFlight: Int
        /// How long it will still be left out; zero if it takes part.
        public var ejectedFor: Duration
    }

    /// The targets now, in the order in which they were given.
    public var snapshot: [TargetSnapshot] {
        let now = time.nanoseconds
        return machine.withLock { machine in
            (0..<machine.count).map { slot in
                TargetSnapshot(
                    target: machine.target(slot),
                    latency: .nanoseconds(1).saturating(times: machine.latency(slot, at: now)),
                    inFlight: machine.inFlight(slot),
                    ejectedFor: .nanoseconds(machine.outliers.remaining(slot, at: now)))
            }
        }
    }

    fileprivate enum Result { case success, failure, ignored }

    fileprivate func finish(_ ticket: Ticket, _ result: Result, startedAt: Int64, took: Duration?) {
        let now = time.nanoseconds
        let latency = took.map { $0 / .nanoseconds(1) } ?? Double(max(0, now &- startedAt))
        let outcome: Outcome =
            switch result {
            case .success: .success(latency)
            case .failure: .failure(latency)
            case .ignored: .ignored
            }
        decide { $0.finish(ticket, outcome, at: now) }
    }
}

extension LoadBalancer {
    /// A target chosen for one call. It ends once: by one of its methods, or as ignored when it is dropped.
    public struct Choice: ~Copyable, Sendable {
        /// The name of the target.
        public let target: String
        private let balancer: LoadBalancer
        private let ticket: Ticket
        private let startedAt: Int64
        private var settled = false

        fileprivate init(balancer: LoadBalancer, target: String, ticket: Ticket, startedAt: Int64) {
            self.balancer = balancer
            self.target = target
            self.ticket = ticket
            self.startedAt = startedAt
        }

        /// The target answered.
        ///
        /// - Parameter latency: The time that counts, such as that to the first token; by default since the choice.
        public consuming func success(latency: Duration? = nil) {
            settled = true
            balancer.finish(ticket, .success, startedAt: startedAt, took: latency)
        }

        /// The target failed. Counts as an answer that took at least the policy's penalty.
        public consuming func failed(latency: Duration? = nil) {
            settled = true
            balancer.finish(ticket, .failure, startedAt: startedAt, took: latency)
        }

        /// The call says nothing about the target; for example it was cancelled.
        public consuming func ignored() {
            settled = true
            balancer.finish(ticket, .ignored, startedAt: startedAt, took: nil)
        }

        deinit {
            if !settled { balancer.finish(ticket, .ignored, startedAt: startedAt, took: nil) }
        }
    }
}
