import Synchronization

/// Makes a failed call again, after the wait that has helped most often against such failures.
///
/// ```swift
/// let retry = AdaptiveRetry("search", budget: budget) { error in (error as? HTTPError)?.status }
/// let answer = try await retry.run { attempt in try await search(query) }
/// ```
///
/// A short fault is over at the next try, a burst outlasts an immediate one, and a wait that is too long costs the
/// caller time. Which it is differs between targets and classes of failures, and changes; so the waits are arms of a
/// ``RetryBandit``, one for each class. It comes close to the best of its arms without being told which that is. It is no
/// better than it: what only another target can mend, such as a long outage, no wait will. A server that says when to
/// come back is believed instead.
///
/// Use one for each target, or classify by target and class with ``layer(judging:classifying:)``. A cancelled call is
/// never retried, and nothing is learned from it. Do not put a retry around an operation that must not run twice.
public final class AdaptiveRetry<Key: Hashable & Sendable>: Sendable {
    /// The name that events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: AdaptiveRetryPolicy

    private let budget: RetryBudget?
    private let time: TimeSource
    private let machine: Mutex<StateMachine>
    private let classify: @Sendable (any Error) -> Key?
    private let onEvent: (@Sendable (AdaptiveRetryEvent<Key>) -> Void)?

    /// Creates a retry that has seen nothing.
    ///
    /// - Parameters:
    ///   - budget: What retries may cost in all, shared with others; asked before each wait, so that retries which are
    ///     still waiting count.
    ///   - onEvent: Called after each decision about a failure.
    ///   - classify: Says what class a failure is of; the policy bounds how many are remembered. A failure without one
    ///     is retried by the fallback arm, and nothing is learned from it.
    public init(
        _ name: String, policy: AdaptiveRetryPolicy = AdaptiveRetryPolicy(), budget: RetryBudget? = nil,
        time: TimeSource = TimeSource(), chance: Chance = .system(),
        onEvent: (@Sendable (AdaptiveRetryEvent<Key>) -> Void)? = nil,
        classifying classify: @escaping @Sendable (any Error) -> Key?
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.policy = policy.withinRange
        self.budget = budget
        self.time = time
        self.classify = classify
        self.onEvent = onEvent
        machine = Mutex(StateMachine(policy, chance: chance))
    }

    /// Runs `operation` until it succeeds or the policy says stop. Errors are judged by ``Retry/judgeOfLayer(_:)``.
    ///
    /// - Parameters:
    ///   - deadline: The moment at which the caller wants its answer; no wait that reaches it is begun.
    ///   - operation: Gets the attempt's number, from 0.
    /// - Throws: The operation's last error, unchanged, or `CancellationError`.
    public func run<Value>(deadline: Instant? = nil, _ operation: (Int) async throws -> Value) async throws
        -> Value
    {
        try await run(CallContext(deadline: deadline)) { try await operation($0.attempt) }
    }

    /// A layer that judges or classifies errors in its own way and learns together with this one.
    ///
    /// - Parameters:
    ///   - judge: Says what an error means.
    ///   - classify: Says what class a failure is of; nil for what this retry was made with.
    public func layer(
        judging judge: @escaping @Sendable (any Error) -> Retry.Judgement = Retry.judgeOfLayer,
        classifying classify: (@Sendable (any Error) -> Key?)? = nil
    ) -> Layer {
        Layer(retry: self, judge: judge, classify: classify ?? self.classify)
    }

    // MARK: What was learned

    /// What was learned about each class of failures, the one that was retried last first. O(classes).
    public var statistics: [RetryBandit<Key>.Statistics] {
        let now = time.now
        return machine.withLock { $0.bandit.statistics(at: now) }
    }

    /// What there is to remember across a restart.
    public var memory: RetryBandit<Key>.Memory {
        let now = time.now
        return machine.withLock { $0.bandit.memory(at: now) }
    }

    /// Takes up where `memory` left off; what was learned since is forgotten.
    ///
    /// - Parameter away: The time between the memory and now, in which it faded. Default: none.
    public func restore(_ memory: RetryBandit<Key>.Memory, away: Duration = .zero) {
        let now = time.now
        machine.withLock { $0.restore(memory, away: away, at: now) }
    }

    // MARK: Running

    @usableFromInline
    func begin(_ outer: CallContext) throws -> CallContext {
        try Task.checkCancellation()
        budget?.deposit()
        var context = outer
        context.attempt = 0
        if context.budget == nil { context.budget = budget }
        if policy.maximumDuration != nil { context.retriedSince = time.now }
        return context
    }

    @usableFromInline
    func again<Value>(
        after error: any Error, _ context: CallContext, _ next: (CallContext) async throws -> Value
    ) async throws -> Value {
        try await again(after: error, context, judging: Retry.judgeOfLayer, classifying: classify, next)
    }

    /// The attempts after the first.
    fileprivate func again<Value>(
        after first: any Error, _ context: CallContext, judging judge: (any Error) -> Retry.Judgement,
        classifying classify: (any Error) -> Key?, _ next: (CallContext) async throws -> Value
    ) async throws -> Value {
        var context = context, error = first
        var call = machine.withLock {
            $0.begin(startedAt: context.retriedSince ?? Instant(), deadline: context.deadline)
        }
        while true {
            guard case .retry(let wish) = judge(error), !Task.isCancelled else {
                // A layer inside refused the retry: it did not help. Other errors say nothing about the wait.
                if error is Rejection, !Task.isCancelled { settle(&call, succeeded: false) }
                tell(.stop(.refusal))
                throw error
            }
            let step = decide(&call, key: classify(error), retryAfter: wish)
            guard case .retry(let wait, let number) = step else { throw error }
            do { try await Retry.pause(wait, by: time) } catch {
                tell(.stop(.cancelled))
                throw error
            }
            context.attempt = number
            do {
                let value = try await next(context)
                settle(&call, succeeded: true)
                return value
            } catch let failure { error = failure }
        }
    }

    private func decide(_ call: inout Call, key: Key?, retryAfter wish: Duration?) -> Retry.Step {
        let now = time.now
        var decision = machine.withLock { $0.next(&call, key: key, retryAfter: wish, at: now) }
        if case .retry = decision.step, let budget, !budget.withdraw() {
            decision.step = .stop(.budget)
        }
        if onEvent != nil {
            let arm = decision.arm.map { policy.arms[$0].name }
            tell(decision.step, key: key, arm: arm, ground: decision.ground)
        }
        return decision.step
    }

    private func tell(
        _ step: Retry.Step, key: Key? = nil, arm: String? = nil, ground: RetryBandit<Key>.Choice.Ground? = nil
    ) {
        onEvent?(AdaptiveRetryEvent(retry: name, key: key, arm: arm, ground: ground, step: step))
    }

    private func settle(_ call: inout Call, succeeded: Bool) {
        let now = time.now
        machine.withLock { $0.settle(&call, succeeded: succeeded, at: now) }
    }
}

extension AdaptiveRetry where Key == String {
    /// Creates a retry that tells failures apart by their types, and rejections by their reasons.
    ///
    /// - Parameters:
    ///   - budget: What retries may cost in all, shared with others.
    ///   - onEvent: Called after each decision.
    public convenience init(
        _ name: String, policy: AdaptiveRetryPolicy = AdaptiveRetryPolicy(), budget: RetryBudget? = nil,
        time: TimeSource = TimeSource(), chance: Chance = .system(),
        onEvent: (@Sendable (AdaptiveRetryEvent<Key>) -> Void)? = nil
    ) {
        self.init(name, policy: policy, budget: budget, time: time, chance: chance, onEvent: onEvent) {
            error in
            (error as? Rejection)?.reason.rawValue ?? String(describing: type(of: error))
        }
    }
}

extension AdaptiveRetry: ResilienceStrategy {
    /// One layer, a retry.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .retry)] }

    /// Runs `next` until it succeeds or the policy says stop. Errors are judged by ``Retry/judgeOfLayer(_:)``.
    @inlinable
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        let inner = try begin(context)
        do { return try await next(inner) } catch {
            return try await again(after: error, inner, next)
        }
    }

    /// An adaptive retry as a layer, with a judgement and classes of its own.
    public struct Layer: ResilienceStrategy {
        let retry: AdaptiveRetry
        let judge: @Sendable (any Error) -> Retry.Judgement
        let classify: @Sendable (any Error) -> Key?

        /// The retry's name.
        public var name: String { retry.name }
        /// One layer, a retry.
        public var outline: [PipelineLayer] { retry.outline }

        /// Runs `next` until it succeeds, an error is not worth another attempt, or the policy says stop.
        public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value)
            async throws -> Value
        {
            let inner = try retry.begin(context)
            do { return try await next(inner) } catch {
                return try await retry.again(
                    after: error, inner, judging: judge, classifying: classify, next)
            }
        }
    }
}
