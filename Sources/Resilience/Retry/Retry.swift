import Synchronization

/// Makes a failed call again after a wait.
///
/// ```swift
/// let retry = Retry("search", policy: RetryPolicy(maximumAttempts: 4), budget: budget)
/// let answer = try await retry.run { attempt in try await search(query) }
/// ```
///
/// A call that is cancelled is not made again: its last error or `CancellationError` is thrown. Between two attempts
/// without a wait others may run. Do not put a retry around an operation that must not run twice.
public final class Retry: Sendable {
    /// What an attempt's result means to the retry.
    public enum Judgement: Sendable, Hashable {
        /// Give it to the caller.
        case accept
        /// Worth another attempt; the server may have said when.
        case retry(after: Duration? = nil)
    }

    /// The name that events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: RetryPolicy

    let budget: RetryBudget?
    /// Whether nothing needs to be noted before the first attempt.
    @usableFromInline let isBare: Bool
    let time: TimeSource
    private let chance: Mutex<Chance>
    private let onEvent: (@Sendable (RetryEvent) -> Void)?

    /// Creates a retry.
    ///
    /// - Parameters:
    ///   - budget: What retries may cost in all, shared with others; asked before each wait, so that retries which are
    ///     still waiting count.
    ///   - onEvent: Called after each decision that is not about an accepted value.
    public init(
        _ name: String, policy: RetryPolicy = RetryPolicy(), budget: RetryBudget? = nil,
        time: TimeSource = TimeSource(), chance: Chance = .system(),
        onEvent: (@Sendable (RetryEvent) -> Void)? = nil
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.policy = policy
        self.budget = budget
        isBare = budget == nil && policy.maximumDuration == nil
        self.time = time
        self.chance = Mutex(chance)
        self.onEvent = onEvent
    }

    /// Runs `operation` until a result is accepted or the policy says stop.
    ///
    /// - Parameters:
    ///   - deadline: The moment at which the caller wants its answer; no wait that reaches it is begun.
    ///   - judge: Says what a result means. By default values are accepted and errors are retried.
    ///   - delay: Replaces the computed wait before the given retry (counted from 1); nil and a negative one keep it.
    ///   - discard: Gets each value that was produced but is not given to the caller.
    ///   - operation: Gets the attempt's number, from 0.
    /// - Throws: The operation's last error, unchanged, or `CancellationError`.
    @inlinable
    public func run<Value>(
        deadline: Instant? = nil,
        judging judge: (Result<Value, any Error>) -> Judgement = Retry.judge,
        delay: (Int) -> Duration? = { _ in nil },
        discard: (Value) -> Void = { _ in },
        _ operation: (Int) async throws -> Value
    ) async throws -> Value {
        try Task.checkCancellation()
        begin()
        let startedAt = start, first: Result<Value, any Error>
        do { first = .success(try await operation(0)) } catch { first = .failure(error) }
        let judgement = judge(first)
        if case .success(let value) = first, case .accept = judgement { return value }
        return try await repeated(
            after: first, judgement, since: startedAt, deadline: deadline, judging: judge, delay: delay,
            discard: discard, operation)
    }

    /// Notes a call that is not a retry.
    @usableFromInline
    func begin() {
        budget?.deposit()
    }

    /// The present moment if the policy needs to know when a call began.
    @usableFromInline
    var start: Instant { policy.maximumDuration == nil ? Instant() : time.now }

    /// The attempts after the first, if there are to be any.
    ///
    /// - Parameter allow: Asked last, whether a retry may be made.
    @usableFromInline
    func repeated<Value>(
        after first: Result<Value, any Error>, _ judgement: Judgement, since startedAt: Instant,
        deadline: Instant?,
        judging judge: (Result<Value, any Error>) -> Judgement, delay: (Int) -> Duration? = { _ in nil },
        allowing allow: () -> Bool = { true }, discard: (Value) -> Void = { _ in },
        _ operation: (Int) async throws -> Value
    ) async throws -> Value {
        var machine = StateMachine(policy, startedAt: startedAt, deadline: deadline)
        var result = first, judgement = judgement, attempt = 0
        while case .retry(let wish) = judgement, !Task.isCancelled {
            let random = chance.withLock { $0.unit() }
            var step = machine.next(
                retryAfter: wish, delay: delay(attempt + 1), random: random, at: time.now)
            if case .retry = step, budget?.withdraw() == false || !allow() { step = .stop(.budget) }
            tell(step)
            guard case .retry(let wait, let next) = step else { return try result.get() }
            if case .success(let value) = result { discard(value) }
            do { try await Self.pause(wait, by: time) } catch {
                tell(.stop(.cancelled))
                throw error
            }
            attempt = next
            do { result = .success(try await operation(attempt)) } catch { result = .failure(error) }
            judgement = judge(result)
        }
        if case .success(let value) = result, case .accept = judgement { return value }
        tellRefusal()
        return try result.get()
    }

    func tell(_ step: Step) { onEvent?(RetryEvent(retry: name, step: step)) }

    /// Tells why an attempt is the last one about which the policy was not asked.
    func tellRefusal() {
        if onEvent != nil { tell(.stop(.refusal)) }
    }

    /// Waits between two attempts.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    static func pause(_ wait: Duration, by time: TimeSource) async throws {
        // A loop that never waits would keep others from its thread.
        if wait > .zero { try await time.sleep(for: wait) } else { await Task.yield() }
        // A wait of no time, or one that is over, does not tell.
        try Task.checkCancellation()
    }

    /// What a result means when the caller does not say: values are accepted, errors retried, cancellation is not.
    public static func judge<Value>(_ result: Result<Value, any Error>) -> Judgement {
        switch result {
        case .success: .accept
        case .failure(let error): error is CancellationError ? .accept : .retry()
        }
    }
}
