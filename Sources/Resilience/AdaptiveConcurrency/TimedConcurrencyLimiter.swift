/// A ``ConcurrencyLimiter`` as a layer, whose latency is the time that the call takes inside it.
///
/// ```swift
/// let limiter = ConcurrencyLimiter("search")
/// let pipeline = Pipeline {
///     Retry("search")
///     limiter.timed { ($0 as? HTTPError)?.status == 503 }
/// }
/// ```
public struct TimedConcurrencyLimiter: ResilienceStrategy {
    private let limiter: ConcurrencyLimiter
    private let time: TimeSource
    private let isOverload: @Sendable (any Error) -> Bool

    fileprivate init(
        _ limiter: ConcurrencyLimiter, _ time: TimeSource,
        _ isOverload: @escaping @Sendable (any Error) -> Bool
    ) {
        self.limiter = limiter
        self.time = time
        self.isOverload = isOverload
    }

    /// The limiter's name.
    public var name: String { limiter.name }
    /// One layer, which keeps calls within a number at a time.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .bulkhead)] }

    /// Runs `next` if the limit allows one more.
    ///
    /// - Throws: ``Rejection`` with reason `full`, `CancellationError`, or what `next` throws.
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        let permit = try limiter.enter(), startedAt = time.now
        do {
            let value = try await next(context)
            permit.success(latency: time.now.since(startedAt))
            return value
        } catch {
            if isOverload(error) { permit.dropped() }
            throw error
        }
    }
}

extension ConcurrencyLimiter {
    /// This limiter as a layer of a pipeline: the latency that counts is the time from the call's begin to its end.
    ///
    /// - Parameter isOverload: Whether an error means that the other side has too much to do, so that the limit sinks.
    ///   Other errors say nothing. Default: a call that ran out of time by a ``Timeout`` or ``Deadline`` inside.
    public func timed(
        by time: TimeSource = TimeSource(),
        isOverload: @escaping @Sendable (any Error) -> Bool = { ($0 as? Rejection)?.reason == .timedOut }
    ) -> TimedConcurrencyLimiter {
        TimedConcurrencyLimiter(self, time, isOverload)
    }
}
