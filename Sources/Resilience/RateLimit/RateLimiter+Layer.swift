extension RateLimiter: ResilienceStrategy {
    /// One layer, a rate limit.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .rateLimit)] }

    /// Runs `next` when a permit for it is there. Waits for it as long as the policy says, and not beyond the deadline.
    ///
    /// - Throws: ``Rejection`` with reason `rateLimited` or `exceedsLimit`, `CancellationError`, or what `next` throws.
    @inlinable
    @inline(__always)
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        guard takePermit() else { return try await queue(context, next) }
        return try await next(context)
    }

    @usableFromInline
    func queue<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        let most = policy.maximumWait
        try await wait(upTo: context.deadline.map { min(most, $0.since(time.now)) } ?? most)
        return try await next(context)
    }
}
