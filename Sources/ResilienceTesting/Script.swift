public import Resilience
import Synchronization

/// An operation whose results are written down beforehand.
///
/// ```swift
/// let script = Script<Int>(.fail(Unavailable()), .value(42, after: .seconds(1)))
/// ```
public final class Script<Value: Sendable>: Sendable {
    /// What one call does.
    public struct Line: Sendable {
        let result: Result<Value, any Error>
        let delay: Duration

        /// Returns `value`, after a time.
        public static func value(_ value: Value, after delay: Duration = .zero) -> Line {
            Line(result: .success(value), delay: delay)
        }

        /// Throws `error`, after a time.
        public static func fail(_ error: any Error, after delay: Duration = .zero) -> Line {
            Line(result: .failure(error), delay: delay)
        }
    }

    /// Thrown when a script is called more often than it has lines.
    public struct Exhausted: Error {}

    private let lines: [Line]
    private let time: TimeSource
    private let started = Mutex(0)

    /// Creates a script; each call takes the next line.
    public init(_ lines: Line..., time: TimeSource = TimeSource()) {
        self.lines = lines
        self.time = time
    }

    /// How many calls were begun.
    public var calls: Int { started.withLock { $0 } }

    /// Does what the next line says.
    public func callAsFunction() async throws -> Value {
        let index = started.withLock { count in
            count += 1
            return count - 1
        }
        guard index < lines.count else { throw Exhausted() }
        try await time.sleep(for: lines[index].delay)
        return try lines[index].result.get()
    }
}
