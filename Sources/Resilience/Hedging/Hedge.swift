import Synchronization

/// Asks again while the first answer is awaited, and takes whichever comes first.
///
/// ```swift
/// let hedge = Hedge("search", policy: HedgePolicy(delay: .fixed(.milliseconds(300))), budget: budget)
/// let answer = try await hedge.run { attempt in try await ask(replica: attempt) }
/// ```
///
/// Only for calls that may run twice at the same time. Losers are cancelled, and the call returns when they have ended: one
/// that ignores cancellation delays the answer. Each attempt begins on the thread that starts it, where the system can do so
/// (macOS 26, iOS 26, Linux), and leaves it when it first waits, so a call that never waits is never hedged. (J. Dean, L. A.
/// Barroso: "The Tail at Scale", CACM 56(2), 2013.)
public final class Hedge: Sendable {
    /// The name that events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: HedgePolicy

    private let budget: RetryBudget?
    let time: TimeSource
    private let generator: (@Sendable (Int) -> Duration?)?
    private let latencies: Mutex<LatencyQuantile>
    let timers: TimerQueue
    private let onEvent: (@Sendable (HedgeEvent) -> Void)?

    /// Creates a hedge.
    ///
    /// - Parameters:
    ///   - budget: What hedges may cost in all, shared with others. One that is not allowed is left out; the call goes on.
    ///   - onEvent: Told about each hedge that is due.
    ///   - delay: Replaces the policy's delay before the given hedge, counted from 1; nil and a negative one keep it.
    public init(
        _ name: String, policy: HedgePolicy = HedgePolicy(), budget: RetryBudget? = nil,
        time: TimeSource = TimeSource(), spawner: Spawner = .detached,
        onEvent: (@Sendable (HedgeEvent) -> Void)? = nil,
        delay: (@Sendable (Int) -> Duration?)? = nil
    ) {
        policy.assertNoProblems(in: name)
        self.name = name
        self.policy = policy
        self.budget = budget
        self.time = time
        generator = delay
        self.onEvent = onEvent
        latencies = Mutex(
            LatencyQuantile(policy.quantile ?? 0.95, window: policy.window, warmUp: policy.warmUp))
        timers = TimerQueue(time: time, spawner: spawner)
    }

    /// Runs `operation`, again while it is not done.
    ///
    /// When all attempts fail, the first one's outcome is the caller's: its error, or a value that was not accepted.
    ///
    /// - Parameters:
    ///   - mayOverlap: Whether the call may run twice at the same time without harm, as an idempotent one may. If not,
    ///     there is only the first attempt. Default: true.
    ///   - cost: What one attempt costs, in the unit of ``HedgePolicy/maximumCost``. Default: nothing.
    ///   - deadline: When the caller wants its answer, on the hedge's clock; no hedge begins then or later. Default: none.
    ///   - accepts: Whether a value may be the answer. Default: any.
    ///   - handles: Whether another attempt may do better after an error. Default: any but cancellation.
    ///   - discard: Gets each value that was produced but is not given to the caller.
    ///   - alsoFailed: Gets the error of each other attempt, with its number, when an error is thrown: what the first
    ///     error alone does not say. Not of those that were cancelled.
    ///   - operation: Gets the attempt's number, from 0.
    /// - Throws: The error of the first attempt when all fail, or an error that is not handled, or `CancellationError`. A
    ///   caller that was cancelled before gets that at once: nothing runs, and nothing is paid in for hedges.
    @inlinable
    public func run<Value: Sendable>(
        mayOverlap: Bool = true, cost: Int = 0, deadline: Instant? = nil,
        accepting accepts: @Sendable (Value) -> Bool = { _ in true },
        handling handles: @Sendable (any Error) -> Bool = { _ in true },
        discard: @Sendable (Value) -> Void = { _ in },
        alsoFailed: @Sendable (Int, any Error) -> Void = { _, _ in },
        _ operation: @Sendable (Int) async throws -> Value
    ) async throws -> Value {
        try Task.checkCancellation()
        let results = HedgedResults<Value>()
        let winner = await withoutActuallyEscaping(operation) { operation in
            await withDiscardingTaskGroup { group in
                var call = begin(mayOverlap: mayOverlap, cost: cost, deadline: deadline)
                defer { call.callOff() }
                while true {
                    switch call.next() {
                    case .begin(let attempt):
                        group.addTaskAtOnce { [ends = call.ends] in
                            results.add(attempt, await self.outcome(of: attempt, operation))
                            ends.note(attempt)
                        }
                    case .judge(let attempt):
                        let isFinal = Self.isFinal(results[attempt], accepts, handles)
                        call.judge(attempt, isFinal: isFinal)
                    case .wait(let until): await call.wait(until: until)
                    case .finish(let winner):
                        group.cancelAll()
                        return winner
                    }
                }
            }
        }
        let answer = results[winner]
        for (attempt, result) in results.others(than: winner) {
            switch (result, answer) {
            case (.success(let value), _): discard(value)
            case (.failure(let error), .failure) where !(error is CancellationError):
                alsoFailed(attempt, error)
            case (.failure, _): break
            }
        }
        return try answer.get()
    }

    @usableFromInline
    func begin(mayOverlap: Bool, cost: Int, deadline: Instant?) -> HedgedCall {
        depositForHedge()
        let hedges = mayOverlap ? policy.hedges(costing: cost) : 0
        return HedgedCall(self, maximumHedges: hedges, deadline: deadline)
    }

    /// Whether an outcome is the caller's, whatever other attempts may bring.
    @inlinable
    static func isFinal<Value>(
        _ result: Result<Value, any Error>, _ accepts: (Value) -> Bool, _ handles: (any Error) -> Bool
    ) -> Bool {
        switch result {
        case .success(let value): accepts(value)
        case .failure(let error): error is CancellationError || !handles(error)
        }
    }

    /// A call pays in for the hedges that may be needed.
    func depositForHedge() { budget?.deposit() }

    /// The time to the given hedge, counted from 1; nil if it follows a failure only.
    func delay(before hedge: Int) -> Duration? {
        if let delay = generator?(hedge), delay >= .zero { return delay }
        switch policy.delay {
        case .fixed(let delay): return delay
        case .afterFailure: return nil
        case .quantile(_, let minimum, let meanwhile):
            return latencies.withLock { $0.value }.map { max($0, minimum) } ?? meanwhile
        }
    }

    func mayBegin(_ attempt: Int) -> Bool {
        // A caller that has gone has no use for another attempt, whatever the last one made of its cancellation.
        guard !Task.isCancelled else { return false }
        let isAllowed = budget?.withdraw() ?? true
        onEvent?(HedgeEvent(hedge: name, attempt: attempt, isAllowed: isAllowed))
        return isAllowed
    }

    @inlinable
    @inline(__always)
    func outcome<Value: Sendable>(
        of attempt: Int, _ operation: @Sendable (Int) async throws -> Value
    ) async -> Result<Value, any Error> {
        let startedAt = attempt == 0 ? start : nil
        do {
            let value = try await operation(attempt)
            if let startedAt { learn(since: startedAt, succeeded: true) }
            return .success(value)
        } catch {
            if let startedAt { learn(since: startedAt, succeeded: false) }
            return .failure(error)
        }
    }

    /// The present moment if it is learned how long calls take.
    @usableFromInline
    var start: Instant? { policy.quantile == nil ? nil : time.now }

    /// Learns from first attempts only, so that each call counts once. One that was cancelled would have taken longer
    /// still: were the slow ones that lose left out, the quantile would fall and more and more calls be hedged.
    @usableFromInline
    func learn(since startedAt: Instant, succeeded: Bool) {
        let took = time.now.since(startedAt)
        if succeeded {
            latencies.withLock { $0.note(took) }
        } else if Task.isCancelled {
            latencies.withLock { $0.note(atLeast: took) }
        }
    }
}

extension Hedge: ConcurrentStrategy {
    /// One layer, a hedge.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .hedging)] }

    /// Runs `next`, again while it is not done, unless the context says that the call may not overlap with itself.
    /// Rejections of layers inside are handled like other errors.
    public func run<Value: Sendable>(
        _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        try await run(mayOverlap: context.mayOverlap, deadline: context.deadline) { attempt in
            var context = context
            context.attempt = attempt
            return try await next(context)
        }
    }
}
