/// Tells a call by when its answer is wanted, and trusts it to end by then.
///
/// Costs a reading of the clock, where a ``Timeout`` costs a task. Layers inside keep to the deadline: a retry begins
/// no wait that would reach it. The call finds it in its ``CallContext``.
public struct Deadline: ResilienceStrategy {
    /// The name that rejections and events carry.
    public let name: String
    /// How long the call may take. Range: above 0.
    public let limit: Duration

    private let time: TimeSource
    private let onEvent: (@Sendable (DeadlineEvent) -> Void)?

    /// Creates a deadline.
    ///
    /// - Parameter onEvent: Told about each call that comes or ends too late; costs another reading of the clock.
    public init(
        _ name: String, after limit: Duration, time: TimeSource = TimeSource(),
        onEvent: (@Sendable (DeadlineEvent) -> Void)? = nil
    ) {
        self.name = name
        self.limit = limit
        self.time = time
        self.onEvent = onEvent
    }

    /// Runs `next` with the deadline, or that of a layer outside if it is earlier.
    ///
    /// - Throws: ``Rejection`` with reason `deadlinePassed` when a deadline of a layer outside has passed already;
    ///   `CancellationError` when the caller was cancelled before.
    @inlinable
    @inline(__always)
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        let told = try begin(context)
        defer { end(told) }
        return try await next(told)
    }

    @usableFromInline
    func begin(_ context: CallContext) throws -> CallContext {
        try Task.checkCancellation()
        let now = time.now
        if let deadline = context.deadline, deadline <= now {
            onEvent?(DeadlineEvent(strategy: name, happening: .rejected, late: now.since(deadline)))
            throw Rejection(.deadlinePassed, strategy: name)
        }
        return context.before(now.advanced(by: limit))
    }

    /// Tells of a call that ended too late, if somebody listens.
    @usableFromInline
    func end(_ told: CallContext) {
        guard let onEvent, let deadline = told.deadline else { return }
        let late = time.now.since(deadline)
        if late > .zero { onEvent(DeadlineEvent(strategy: name, happening: .missed, late: late)) }
    }
}
