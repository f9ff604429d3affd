/// Serves something else when all inside has failed.
///
/// ```swift
/// let ladder = Fallback<Answer>("answer")
///     .then("similar") { error in try await similarAnswer() }
///     .then("apology") { error in .apology }
/// let served = try await ladder.run { try await ask() }
/// let answer = served.value, rung = served.rung
/// ```
///
/// The rungs are tried in their order; one that fails is passed over. When all fail, the first error is thrown, since it
/// says what is wrong. A cancelled call is not served by a rung.
public struct Fallback<Value: Sendable>: Sendable {
    /// One thing to serve.
    public struct Rung: Sendable {
        /// What it is called.
        public let name: String
        let handles: @Sendable (any Error) -> Bool
        let serve: @Sendable (any Error) async throws -> Value
    }

    /// What was served, and by whom.
    public struct Served: Sendable {
        /// The value.
        public let value: Value
        /// The name of the rung that served it; nil for the call itself.
        public let rung: String?
        /// The call's own error, if a rung served.
        public let error: (any Error)?
    }

    /// The name that events carry.
    public let name: String
    /// The rungs, in the order in which they are tried.
    public let rungs: [Rung]
    private let onEvent: (@Sendable (FallbackEvent) -> Void)?

    /// Creates a fallback that has nothing to serve yet.
    ///
    /// - Parameter onEvent: Told which rung served and which failed before it, or that none could serve.
    public init(_ name: String, onEvent: (@Sendable (FallbackEvent) -> Void)? = nil) {
        self.init(name, [], onEvent)
    }

    private init(_ name: String, _ rungs: [Rung], _ onEvent: (@Sendable (FallbackEvent) -> Void)?) {
        self.name = name
        self.rungs = rungs
        self.onEvent = onEvent
    }

    /// Adds a rung below the others.
    ///
    /// - Parameters:
    ///   - handles: Which errors of the call it is for. Default: all but cancellation, which no rung is asked for.
    ///   - serve: Gets the call's own error.
    public func then(
        _ rung: String, handling handles: @escaping @Sendable (any Error) -> Bool = { _ in true },
        _ serve: @escaping @Sendable (any Error) async throws -> Value
    ) -> Fallback {
        Fallback(name, rungs + [Rung(name: rung, handles: handles, serve: serve)], onEvent)
    }

    /// Runs `operation`, and serves something else if it fails.
    ///
    /// - Throws: The operation's own error when no rung can serve, or `CancellationError`.
    public func run(_ operation: () async throws -> Value) async throws -> Served {
        try Task.checkCancellation()
        let failure: any Error
        do { return Served(value: try await operation(), rung: nil, error: nil) } catch { failure = error }
        if failure is CancellationError || Task.isCancelled { throw failure }
        var failed: [String] = []
        for rung in rungs where rung.handles(failure) {
            do {
                let value = try await rung.serve(failure)
                onEvent?(FallbackEvent(fallback: name, rung: rung.name, failedRungs: failed))
                return Served(value: value, rung: rung.name, error: failure)
            } catch {
                // Of a cancelled call nothing else is to be said; a rung that only gave itself up has failed.
                if Task.isCancelled { throw CancellationError() }
                failed.append(rung.name)
            }
        }
        if !rungs.isEmpty { onEvent?(FallbackEvent(fallback: name, rung: nil, failedRungs: failed)) }
        throw failure
    }
}
