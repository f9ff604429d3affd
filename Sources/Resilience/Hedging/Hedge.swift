import Synchronization

/// Asks again while the first answer is awaited, and takes whichever comes first.
///
/// ```swift
/// let hedge = Hedge("search", policy: HedgePolicy(delay: .fixed(.milliseconds(300))), budget: budget)
/// let answer = try await hedge.run { attempt in try await ask(replica: attempt) }
/// ```
///
/// Only for calls that may be made twice. Losers are cancelled, and the call returns when they have ended: one that
/// ignores cancellation delays the answer. (J. Dean, L. A. Barroso: "The Tail at Scale", CACM 56(2), 2013.)
public final class Hedge: Sendable {
    /// The name that events carry.
    public let name: String
    /// The policy it was made with.
    public let policy: HedgePolicy

    private let budget: RetryBudget?
    private let time: TimeSource
    private let generator: (@Sendable (Int) -> Duration?)?
    private let latencies: Mutex<LatencyQuantile>
    private let onEvent: (@Sendable (HedgeEvent) -> Void)?

    /// Creates a hedge.
    ///
    /// - Parameters:
    ///   - budget: What hedges may cost in all, shared with others. One that is not allowed is left out; the call goes on.
    ///   - delay: Replaces the policy's delay before the given hedge, counted from 1; nil keeps it.
    ///   - onEvent: Told about each hedge that is due.
    public init(
        _ name: String, policy: HedgePolicy = HedgePolicy(), budget: RetryBudget? = nil,
        time: TimeSource = TimeSource(), delay: (@Sendable (Int) -> Duration?)? = nil,
        onEvent: (@Sendable (HedgeEvent) -> Void)? = nil
    ) {
        self.name = name
        self.policy = policy
        self.budget = budget
        self.time = time
        generator = delay
        self.onEvent = onEvent
        latencies = Mutex(LatencyQuantile(policy.quantile ?? 0.95))
    }

    private enum Arrival<Value: Sendable>: Sendable {
        case outcome(Int, Result<Value, any Error>)
        /// A hedge may be due.
        case alarm
    }

    /// Runs `operation`, again while it is not done.
    ///
    /// - Parameters:
    ///   - accepts: Whether a value may be the answer. Default: any.
    ///   - handles: Whether another attempt may do better after an error. Default: any but cancellation.
    ///   - discard: Gets each value that was produced but is not given to the caller.
    ///   - operation: Gets the attempt's number, from 0.
    /// - Throws: The error of the first attempt when all fail, or an error that is not handled, or `CancellationError`.
    public func run<Value: Sendable>(
        accepting accepts: @Sendable (Value) -> Bool = { _ in true },
        handling handles: @Sendable (any Error) -> Bool = { _ in true },
        discard: @Sendable (Value) -> Void = { _ in },
        _ operation: @Sendable (Int) async throws -> Value
    ) async throws -> Value {
        budget?.deposit()
        let result: Result<Value, any Error> = await withoutActuallyEscaping(operation) { operation in
            await withTaskGroup(of: Arrival<Value>.self) { group in
                var machine = StateMachine(maximumHedges: policy.maximumHedges)
                var results: [Int: Result<Value, any Error>] = [:], alarm: Instant?
                while true {
                    let now = time.now
                    switch machine.next(at: now) {
                    case .begin(let attempt):
                        guard attempt == 0 || mayHedge(attempt) else {
                            machine.withdraw()
                            continue
                        }
                        machine.hasBegun(at: now, nextAfter: delay(before: attempt + 1))
                        group.addTask { await self.outcome(of: attempt, operation) }
                    case .wait(let until):
                        if let until, until != alarm {
                            alarm = until
                            group.addTask { await self.ring(at: until) }
                        }
                        guard case .outcome(let attempt, let result)? = await group.next() else { continue }
                        results[attempt] = result
                        switch result {
                        case .success(let value) where !accepts(value): machine.fail(at: time.now)
                        case .failure(let error) where !(error is CancellationError) && handles(error):
                            machine.fail(at: time.now)
                        default: machine.accept(attempt)
                        }
                    case .finish(let winner):
                        group.cancelAll()
                        for await case .outcome(let attempt, let result) in group {
                            results[attempt] = result
                        }
                        for case (let attempt, .success(let value)) in results where attempt != winner {
                            discard(value)
                        }
                        return results[winner] ?? .failure(CancellationError())
                    }
                }
            }
        }
        return try result.get()
    }

    /// The time to the given hedge, counted from 1; nil if it follows a failure only.
    private func delay(before hedge: Int) -> Duration? {
        if let delay = generator?(hedge) { return delay }
        switch policy.delay {
        case .fixed(let delay): return delay
        case .afterFailure: return nil
        case .quantile(_, let minimum, let meanwhile):
            return latencies.withLock { $0.value }.map { max($0, minimum) } ?? meanwhile
        }
    }

    private func mayHedge(_ attempt: Int) -> Bool {
        let isAllowed = budget?.withdraw() ?? true
        onEvent?(HedgeEvent(hedge: name, attempt: attempt, isAllowed: isAllowed))
        return isAllowed
    }

    private func outcome<Value: Sendable>(
        of attempt: Int, _ operation: @Sendable (Int) async throws -> Value
    ) async -> Arrival<Value> {
        let begin = time.now
        do {
            let value = try await operation(attempt)
            if case .quantile = policy.delay {
                let took = time.now.since(begin)
                latencies.withLock { $0.note(took) }
            }
            return .outcome(attempt, .success(value))
        } catch {
            return .outcome(attempt, .failure(error))
        }
    }

    private func ring<Value: Sendable>(at moment: Instant) async -> Arrival<Value> {
        try? await time.sleep(until: moment)
        return .alarm
    }
}

extension Hedge: ConcurrentStrategy {
    /// One layer, a hedge.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .hedging)] }

    /// Runs `next`, again while it is not done. Rejections of layers inside are handled like other errors.
    public func run<Value: Sendable>(
        _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        try await run { attempt in
            var context = context
            context.attempt = attempt
            return try await next(context)
        }
    }
}

/// When and how often to hedge.
public struct HedgePolicy: Sendable, Hashable {
    /// When a hedge begins.
    public enum Delay: Sendable, Hashable {
        /// So long after the attempt before it; zero begins all at once.
        case fixed(Duration)
        /// After as long as that share of calls takes, at least `minimum`; `meanwhile` until 20 calls were seen. With the
        /// quantile 1 - x, hedges are about the share x of calls.
        case quantile(Double, minimum: Duration = .milliseconds(1), meanwhile: Duration)
        /// Only when the attempts before it have failed.
        case afterFailure
    }

    /// When a hedge begins. Default: 2 s after the attempt before it.
    public var delay: Delay
    /// The attempts besides the first. Range: 0 to 10. Default: 1.
    public var maximumHedges: Int

    /// Creates a policy.
    public init(delay: Delay = .fixed(.seconds(2)), maximumHedges: Int = 1) {
        self.delay = delay
        self.maximumHedges = min(max(0, maximumHedges), 10)
    }

    var quantile: Double? {
        if case .quantile(let share, _, _) = delay { return share }
        return nil
    }
}
