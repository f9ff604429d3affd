/// Tells a call by when its answer is wanted, and trusts it to end by then.
///
/// Costs a reading of the clock, where a ``Timeout`` costs two tasks. Layers inside keep to the deadline: a retry begins
/// no wait that would reach it. The call finds it in its ``CallContext``.
public struct Deadline: ResilienceStrategy {
    /// The name that rejections carry.
    public let name: String
    /// How long the call may take. Range: above 0.
    public let limit: Duration

    private let time: TimeSource

    /// Creates a deadline.
    public init(_ name: String, after limit: Duration, time: TimeSource = TimeSource()) {
        self.name = name
        self.limit = limit
        self.time = time
    }

    /// Runs `next` with the deadline, or that of a layer outside if it is earlier.
    ///
    /// - Throws: ``Rejection`` with reason `timedOut` when a deadline of a layer outside has passed already.
    @inlinable
    @inline(__always)
    public func run<Value>(_ context: CallContext, _ next: (CallContext) async throws -> Value) async throws
        -> Value
    {
        try await next(try begin(context))
    }

    @usableFromInline
    func begin(_ context: CallContext) throws(Rejection) -> CallContext {
        let now = time.now
        if let deadline = context.deadline, deadline <= now { throw Rejection(.timedOut, strategy: name) }
        return context.before(now.advanced(by: limit))
    }
}
