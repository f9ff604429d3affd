/// Strategies around a call, one inside the other.
///
/// ```swift
/// let search = Pipeline {
///     Deadline("search", after: .seconds(5))
///     Retry("search")
///     breaker
/// }
/// let answer = try await search.run { try await ask(query) }
/// ```
///
/// There is one rule of order: the first is the outermost. A retry above a breaker asks the breaker for every attempt;
/// below it, all attempts count as one. ``warnings`` names orders that are rarely meant.
///
/// A pipeline with a ``Timeout`` or another layer that needs a task of its own is run by ``runInTask(_:)``, whose call must
/// be able to move to one; all others stay on the caller's actor.
///
/// A strategy throws a ``Rejection`` or lets the call's own error through, unchanged. Strategies with state, such as
/// breakers, limiters and budgets, are objects of their own: share them between pipelines whose calls share a fate.
public struct Pipeline<Layers: ConcurrentStrategy>: Sendable {
    /// The layers, the outermost first.
    public let layers: Layers

    /// Creates a pipeline of the strategies in `layers`, the outermost first.
    public init(@PipelineBuilder _ layers: () -> Layers) {
        self.layers = layers()
    }

    /// Runs `operation`, in a task of its own where a layer needs one.
    ///
    /// - Parameter operation: Gets the attempt's number and the deadline.
    /// - Throws: ``Rejection``, `CancellationError` or the operation's own error.
    @inlinable
    @inline(__always)
    public func runInTask<Value: Sendable>(
        _ context: CallContext = CallContext(),
        _ operation: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        try await layers.run(context, concurrently: operation)
    }

    /// Runs `operation`, in a task of its own where a layer needs one.
    ///
    /// - Throws: ``Rejection``, `CancellationError` or the operation's own error.
    @inlinable
    @inline(__always)
    public func runInTask<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws
        -> Value
    {
        try await layers.run(CallContext(), concurrently: { _ in try await operation() })
    }

    /// What is odd about the order of the layers; empty if nothing is.
    public var warnings: [String] { PipelineLayer.warnings(layers.outline) }
}

extension Pipeline where Layers: ResilienceStrategy {
    /// Runs `operation` on the caller's actor.
    ///
    /// - Parameter operation: Gets the attempt's number and the deadline.
    /// - Throws: ``Rejection``, `CancellationError` or the operation's own error.
    @inlinable
    @inline(__always)
    public func run<Value>(
        _ context: CallContext = CallContext(), _ operation: (CallContext) async throws -> Value
    ) async throws -> Value {
        try await layers.run(context, operation)
    }

    /// Runs `operation` on the caller's actor.
    ///
    /// - Throws: ``Rejection``, `CancellationError` or the operation's own error.
    @inlinable
    @inline(__always)
    public func run<Value>(_ operation: () async throws -> Value) async throws -> Value {
        try await layers.run(CallContext()) { _ in try await operation() }
    }
}

/// Puts strategies one inside the other, as they stand.
@resultBuilder
public enum PipelineBuilder {
    /// The outermost strategy.
    public static func buildPartialBlock<First: ConcurrentStrategy>(first: First) -> First { first }

    /// Another strategy inside those above it.
    public static func buildPartialBlock<Outer: ConcurrentStrategy, Inner: ConcurrentStrategy>(
        accumulated: Outer, next: Inner
    ) -> Layered<Outer, Inner> {
        Layered(accumulated, next)
    }
}

/// One strategy inside another.
public struct Layered<Outer: ConcurrentStrategy, Inner: ConcurrentStrategy>: ConcurrentStrategy {
    @usableFromInline let outer: Outer
    @usableFromInline let inner: Inner

    @usableFromInline
    init(_ outer: Outer, _ inner: Inner) {
        self.outer = outer
        self.inner = inner
    }

    /// The outer strategy's name.
    public var name: String { outer.name }
    /// The layers of both.
    public var outline: [PipelineLayer] { outer.outline + inner.outline }

    /// Runs `next` inside both.
    @inlinable
    @inline(__always)
    public func run<Value: Sendable>(
        _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        try await outer.run(context, concurrently: { try await inner.run($0, concurrently: next) })
    }
}

extension Layered: ResilienceStrategy where Outer: ResilienceStrategy, Inner: ResilienceStrategy {
    /// Runs `next` inside both, in place.
    @inlinable
    @inline(__always)
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try await outer.run(context) { try await inner.run($0, next) }
    }
}
