import Synchronization

/// Asks again while the first answer is awaited, and takes whichever comes first.
///
/// ```swift
/// let hedge = Hedge("search", policy: HedgePolicy(delay: .fixed(.milliseconds(300))), budget: budget)
/// let answer = try await hedge.run { attempt in try await ask(replica: attempt) }
/// ```
///
/// Only for calls that may run twice at the same time. Losers are cancelled, and the call returns when they have ended: one that
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
        /// That moment has come, and a hedge may be due; nil if the wait for it was cancelled.
        case alarm(Instant?)
    }

    /// Runs `operation`, again while it is not done.
    ///
    /// When all attempts fail, the first one's outcome is the caller's: its error, or a value that was not accepted.
    ///
    /// - Parameters:
    ///   - mayOverlap: Whether the call may run twice at the same time without harm, as an idempotent one may. If not,
    ///     there is only the first attempt. Default: true.
    ///   - cost: What one attempt costs, in the unit of ``HedgePolicy/maximumCost``. Default: nothing.
    ///   - accepts: Whether a value may be the answer. Default: any.
    ///   - handles: Whether another attempt may do better after an error. Default: any but cancellation.
    ///   - discard: Gets each value that was produced but is not given to the caller.
    ///   - alsoFailed: Gets the error of each other attempt, with its number, when an error is thrown: what the first
    ///     error alone does not say. Not of those that were cancelled.
    ///   - operation: Gets the attempt's number, from 0.
    /// - Throws: The error of the first attempt when all fail, or an error that is not handled, or `CancellationError`.
    public func run<Value: Sendable>(
        mayOverlap: Bool = true, cost: Int = 0,
        accepting accepts: @Sendable (Value) -> Bool = { _ in true },
        handling handles: @Sendable (any Error) -> Bool = { _ in true },
        discard: @Sendable (Value) -> Void = { _ in },
        alsoFailed: @Sendable (Int, any Error) -> Void = { _, _ in },
        _ operation: @Sendable (Int) async throws -> Value
    ) async throws -> Value {
        budget?.deposit()
        let result: Result<Value, any Error> = await withoutActuallyEscaping(operation) { operation in
            await withTaskGroup(of: Arrival<Value>.self) { group in
                var machine = StateMachine(maximumHedges: mayOverlap ? policy.hedges(costing: cost) : 0)
                var results: [Int: Result<Value, any Error>] = [:], alarm: Instant?, rung = Instant()
                while true {
                    // A clock may wake its sleepers a little early; a moment that was waited for has come all the same.
                    let now = max(time.now, rung)
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
                        switch await group.next() {
                        case .outcome(let attempt, let result):
                            results[attempt] = result
                            if isFinal(result, accepts, handles) {
                                machine.accept(attempt)
                            } else {
                                machine.fail(at: time.now)
                            }
                        case .alarm(let moment?): rung = max(rung, moment)
                        case .alarm(nil), nil: break
                        }
                    case .finish(let winner):
                        group.cancelAll()
                        for await case .outcome(let attempt, let result) in group {
                            results[attempt] = result
                        }
                        let answer = results.removeValue(forKey: winner) ?? .failure(CancellationError())
                        dispose(of: results, beside: answer, discard, alsoFailed)
                        return answer
                    }
                }
            }
        }
        return try result.get()
    }

    /// Whether an outcome is the caller's, whatever other attempts may bring.
    private func isFinal<Value>(
        _ result: Result<Value, any Error>, _ accepts: (Value) -> Bool, _ handles: (any Error) -> Bool
    ) -> Bool {
        switch result {
        case .success(let value): accepts(value)
        case .failure(let error): error is CancellationError || !handles(error)
        }
    }

    /// Gives away what the caller does not get.
    private func dispose<Value>(
        of others: [Int: Result<Value, any Error>], beside answer: Result<Value, any Error>,
        _ discard: (Value) -> Void, _ alsoFailed: (Int, any Error) -> Void
    ) {
        for (attempt, result) in others.sorted(by: { $0.key < $1.key }) {
            switch (result, answer) {
            case (.success(let value), _): discard(value)
            case (.failure(let error), .failure) where !(error is CancellationError):
                alsoFailed(attempt, error)
            case (.failure, _): break
            }
        }
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
        // A caller that has gone has no use for another attempt, whatever the last one made of its cancellation.
        guard !Task.isCancelled else { return false }
        let isAllowed = budget?.withdraw() ?? true
        onEvent?(HedgeEvent(hedge: name, attempt: attempt, isAllowed: isAllowed))
        return isAllowed
    }

    private func outcome<Value: Sendable>(
        of attempt: Int, _ operation: @Sendable (Int) async throws -> Value
    ) async -> Arrival<Value> {
        let begin = time.now, result: Result<Value, any Error>
        do { result = .success(try await operation(attempt)) } catch { result = .failure(error) }
        if attempt == 0 { learn(from: result, took: time.now.since(begin)) }
        return .outcome(attempt, result)
    }

    /// Learns from first attempts only, so that each call counts once. One that was cancelled would have taken longer
    /// still: were the slow ones that lose left out, the quantile would fall and more and more calls be hedged.
    private func learn<Value>(from result: Result<Value, any Error>, took: Duration) {
        guard case .quantile = policy.delay else { return }
        switch result {
        case .success: latencies.withLock { $0.note(took) }
        case .failure where Task.isCancelled: latencies.withLock { $0.note(atLeast: took) }
        case .failure: break
        }
    }

    private func ring<Value: Sendable>(at moment: Instant) async -> Arrival<Value> {
        do { try await time.sleep(until: moment) } catch { return .alarm(nil) }
        return .alarm(moment)
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
        try await run(mayOverlap: context.mayOverlap) { attempt in
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
    /// What the hedges of one call may cost together, in a unit of the caller's choice such as micro-dollars; nil for
    /// any sum. Range: 0 or more. Default: nil.
    public var maximumCost: Int?

    static let mostHedges = 10

    /// Creates a policy.
    public init(delay: Delay = .fixed(.seconds(2)), maximumHedges: Int = 1, maximumCost: Int? = nil) {
        self.delay = delay
        self.maximumHedges = min(max(0, maximumHedges), Self.mostHedges)
        self.maximumCost = maximumCost
    }

    /// The hedges that a call may have of which each attempt costs so much.
    func hedges(costing cost: Int) -> Int {
        guard let maximumCost, cost > 0 else { return maximumHedges }
        return min(maximumHedges, max(0, maximumCost) / cost)
    }

    var quantile: Double? {
        if case .quantile(let share, _, _) = delay { return share }
        return nil
    }
}
