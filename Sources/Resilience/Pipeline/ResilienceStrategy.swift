/// A layer of a pipeline that needs a task of its own for the call, and so a call that can move to one.
///
/// Every ``ResilienceStrategy`` is also one of these.
public protocol ConcurrentStrategy: Sendable {
    /// The name that rejections and warnings carry.
    var name: String { get }
    /// Its layers by name and kind, the outermost first; one of no kind unless it says otherwise.
    var outline: [PipelineLayer] { get }

    /// Runs `next`, or throws a ``Rejection``.
    func run<Value: Sendable>(
        _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value
}

/// A layer of a pipeline that runs the call where it was made: on the caller's actor, without a copy or a hop.
///
/// A caller that was cancelled before gets `CancellationError`: nothing runs for it, and nothing is taken or counted.
public protocol ResilienceStrategy: ConcurrentStrategy {
    /// Runs `next`, or throws a ``Rejection``.
    func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws -> Value
}

extension ConcurrentStrategy {
    /// One layer that may stand anywhere.
    public var outline: [PipelineLayer] { [PipelineLayer(name, nil)] }
}

extension ResilienceStrategy {
    /// Runs `next` in place.
    @inlinable
    @inline(__always)
    public func run<Value: Sendable>(
        _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        try await run(context, next)
    }
}
