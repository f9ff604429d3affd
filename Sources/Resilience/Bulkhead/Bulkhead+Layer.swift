extension Bulkhead: ResilienceStrategy {
    /// One layer, a bulkhead.
    public var outline: [PipelineLayer] { [PipelineLayer(name, .bulkhead)] }

    /// Runs `next` when it has a place. Waits for one as long as the policy says, and not beyond the deadline.
    @inlinable
    @inline(__always)
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try Task.checkCancellation()
        guard takePlace() else { return try await queue(context, next) }
        defer { givePlace() }
        return try await next(context)
    }

    @usableFromInline
    func queue<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        let permit = try await enter(priority: context.priority, deadline: context.deadline)
        let value = try await next(context)
        _ = consume permit
        return value
    }
}
