/// Bounds how long a call may take.
///
/// ```swift
/// let answer = try await Timeout("search", after: .seconds(2)).run { try await search(query) }
/// ```
///
/// When the time is up the operation's task is cancelled. The call returns when the operation has ended, since its
/// task is a child of the caller's: an operation that ignores cancellation delays the answer.
public struct Timeout: Sendable {
    /// The name that rejections carry.
    public let name: String
    /// How long the operation may take. Range: above 0.
    public let limit: Duration

    let time: TimeSource

    /// Creates a timeout.
    public init(_ name: String, after limit: Duration, time: TimeSource = TimeSource()) {
        self.name = name
        self.limit = limit
        self.time = time
    }

    /// Runs `operation` in a child task.
    ///
    /// - Throws: ``Rejection`` with reason `timedOut` when the limit passed first, `CancellationError` when the caller
    ///   was cancelled, else the operation's own error.
    public func run<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws
        -> Value
    {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await operation() }
            group.addTask {
                try await time.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else {
                throw Rejection(.timedOut, strategy: name)
            }
            return value
        }
    }
}
