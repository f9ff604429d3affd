/// A pipeline whose strategies are known only when the program runs, as those of a configuration are.
///
/// Costs an existential call and a heap-free hop for each layer more than a ``Pipeline``.
public struct ErasedPipeline: ConcurrentStrategy {
    /// The name that rejections and warnings carry.
    public let name: String
    /// The layers, the outermost first.
    public let layers: [any ConcurrentStrategy]

    /// Creates a pipeline of `layers`, the outermost first.
    public init(_ name: String, _ layers: [any ConcurrentStrategy]) {
        self.name = name
        self.layers = layers
    }

    /// The layers by name and kind.
    public var outline: [PipelineLayer] { layers.flatMap(\.outline) }

    /// What is odd about the order of the layers; empty if nothing is.
    public var warnings: [String] { PipelineLayer.warnings(outline) }

    /// Runs `next` inside all layers.
    public func run<Value: Sendable>(
        _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        try await run(from: 0, context, next)
    }

    /// Runs `operation` inside all layers.
    ///
    /// - Throws: ``Rejection``, `CancellationError` or the operation's own error.
    public func run<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws -> Value {
        try await run(from: 0, CallContext()) { _ in try await operation() }
    }

    private func run<Value: Sendable>(
        from index: Int, _ context: CallContext, _ next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        guard index < layers.count else { return try await next(context) }
        return try await layers[index].run(
            context, concurrently: { try await run(from: index + 1, $0, next) })
    }
}
