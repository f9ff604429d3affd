/// Work whose time grows with the length of a body, done where it keeps nobody else waiting.
///
/// An event loop serves thousands of connections; while it reads 20 MiB, none of them gets an answer. So long bodies are
/// read on the concurrency pool, by the same task, which comes back to its loop with the result. Short ones stay on the
/// loop, since moving costs more than reading them. The pool has as many threads as there are processors, and that is
/// also how many long bodies are read at once; the others wait, and their number is bounded by the budget for bodies.
public enum LargeBody {
    /// The longest body that is read on the event loop, in bytes. 256 KiB, which takes about a millisecond at worst.
    public static let threshold = 256 << 10

    /// Does `work` on a body of `count` bytes: at once, or on the concurrency pool if the body is long.
    @inlinable
    public static func read<Outcome: Sendable, Failure: Error>(
        _ count: Int, _ work: @Sendable () throws(Failure) -> Outcome
    ) async throws(Failure) -> Outcome {
        guard count > threshold else { return try work() }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            () async throws(Failure) -> Outcome in try await elsewhere(work)
        }
    }

    /// Begins on the executor that the task prefers now, unlike a function that stays where its caller is.
    @concurrent @usableFromInline
    static func elsewhere<Outcome: Sendable, Failure: Error>(
        _ work: @Sendable () throws(Failure) -> Outcome
    ) async throws(Failure) -> Outcome {
        try work()
    }
}
