import Synchronization

/// Sends calls at the rate that the other side bears, which it learns from its refusals.
///
/// ```swift
/// let limiter = SendRateLimiter("model") { ($0 as? HTTPError)?.status == 429 }
/// let answer = try await Pipeline { limiter }.run { try await ask(question) }
/// ```
///
/// It does nothing until a call is refused for being one too many. Then calls wait for their turns, at a rate that
/// falls with such refusals and comes back as ``CubicRate`` says, never above twice the rate at which calls are really
/// sent. For limits of ten calls a second and more that nobody tells; where the limit is known, use a ``RateLimiter``.
///
/// Source: the adaptive retry mode of the AWS clients (botocore, retries/adaptive.py), with one difference: the refusals
/// of calls that were admitted before the rate fell do not lower it again.
public final class SendRateLimiter: Sendable {
    /// The name that rejections and events carry.
    public let name: String

    private let machine: Mutex<StateMachine>
    private let time: TimeSource
    private let onEvent: (@Sendable (SendRateLimiterEvent) -> Void)?
    private let isThrottled: @Sendable (any Error) -> Bool

    /// Creates a limiter that lets everything through.
    ///
    /// - Parameters:
    ///   - onEvent: Told whenever the rate is lowered.
    ///   - isThrottled: Whether an error says that there were too many calls, such as status 429.
    public init(
        _ name: String, policy: SendRateLimiterPolicy = SendRateLimiterPolicy(),
        time: TimeSource = TimeSource(), onEvent: (@Sendable (SendRateLimiterEvent) -> Void)? = nil,
        throttledBy isThrottled: @escaping @Sendable (any Error) -> Bool
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.time = time
        self.onEvent = onEvent
        self.isThrottled = isThrottled
        machine = Mutex(StateMachine(policy, at: time.now))
    }

    /// The calls per second that are let through; nil while there is no limit.
    public var rate: Double? { machine.withLock { $0.rate } }

    /// Waits for the call's turn.
    ///
    /// - Returns: The moment at which the call was admitted.
    private func enter(before deadline: Instant?) async throws -> Instant {
        let now = time.now
        let entry = machine.withLock { $0.enter(upTo: deadline?.since(now) ?? .unbounded, at: now) }
        switch entry {
        case .refused(let wait): throw Rejection(.rateLimited, strategy: name, retryAfter: wait)
        case .admitted(let wait) where wait > .zero:
            do { try await time.sleep(for: wait) } catch {
                machine.withLock { $0.withdraw() }
                throw error
            }
            let sentAt = time.now
            machine.withLock { $0.send(at: sentAt) }
        case .admitted: machine.withLock { $0.send(at: now) }
        }
        return now
    }

    private func answered(_ admittedAt: Instant, _ isThrottled: Bool) {
        let now = time.now
        let event = machine.withLock { machine -> SendRateLimiterEvent? in
            let lowered = machine.answered(admittedAt: admittedAt, isThrottled: isThrottled, at: now)
            guard lowered, let rate = machine.rate else { return nil }
            return SendRateLimiterEvent(strategy: name, measured: machine.measured, rate: rate)
        }
        if let event { onEvent?(event) }
    }
}

extension SendRateLimiter: ResilienceStrategy {
    /// One layer, a rate limit.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .rateLimit)] }

    /// Runs `next` when it is its turn.
    ///
    /// - Throws: ``Rejection`` with reason `rateLimited` and the time until its turn, when that is longer than the policy
    ///   allows or not before the deadline; `CancellationError`; or the operation's own error.
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        let admittedAt = try await enter(before: context.deadline)
        do {
            let value = try await next(context)
            answered(admittedAt, false)
            return value
        } catch {
            // Only an answer says something; an error that is none of the rate's business is one too.
            if !(error is CancellationError) { answered(admittedAt, isThrottled(error)) }
            throw error
        }
    }
}
