import Synchronization

/// Bounds how long a call may take.
///
/// ```swift
/// let answer = try await Timeout("search", after: .seconds(2)).run { try await search(query) }
/// ```
///
/// When the time is up the operation's task is cancelled. The call returns when the operation has ended, since its
/// task is a child of the caller's: an operation that ignores cancellation delays the answer.
///
/// All calls of one timeout share one sleeping task. For a call that is trusted to keep to its time, a ``Deadline`` costs
/// no task at all.
public struct Timeout: Sendable {
    /// The name that rejections and events carry.
    public let name: String
    /// How long the operation may take. Range: above 0.
    public let limit: Duration

    let time: TimeSource
    private let timers: TimerQueue
    private let onEvent: (@Sendable (TimeoutEvent) -> Void)?

    /// Creates a timeout.
    ///
    /// - Parameter onEvent: Told about each call that ran out of time, when it has ended.
    public init(
        _ name: String, after limit: Duration, time: TimeSource = TimeSource(), spawner: Spawner = .tasks,
        onEvent: (@Sendable (TimeoutEvent) -> Void)? = nil
    ) {
        self.name = name
        self.limit = limit
        self.time = time
        self.onEvent = onEvent
        timers = TimerQueue(time: time, spawner: spawner)
    }

    /// Runs `operation` in a child task.
    ///
    /// - Throws: ``Rejection`` with reason `timedOut` when the limit passed first, `CancellationError` when the caller
    ///   was cancelled, else the operation's own error.
    public func run<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws
        -> Value
    {
        try await run(until: time.now.advanced(by: limit), operation)
    }

    func run<Value: Sendable>(
        until dueAt: Instant, _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let call = TimedCall()
        let result = await withTaskGroup(of: Result<Value, any Error>.self) { group in
            group.addTask { await call.run(operation) }
            let ticket = timers.set(call, at: dueAt)
            let result = await group.next()
            timers.cancel(ticket)
            return result
        }
        guard !call.isOutOfTime, let result else {
            onEvent?(TimeoutEvent(strategy: name, late: time.now.since(dueAt)))
            throw Rejection(.timedOut, strategy: name)
        }
        return try result.get()
    }
}

/// One call that has a limit: whether its end came first, or its time.
private final class TimedCall: Alarm {
    private struct RunningTask: @unchecked Sendable {  // Only cancelled, which any thread may do while it lives.
        let task: UnsafeCurrentTask?
    }

    private enum Phase {
        case waiting
        case running(RunningTask)
        case ended
        case outOfTime
    }

    private let phase = Mutex(Phase.waiting)

    var isOutOfTime: Bool {
        phase.withLock { if case .outOfTime = $0 { true } else { false } }
    }

    func run<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async -> Result<
        Value, any Error
    > {
        await withUnsafeCurrentTask { task in
            let task = RunningTask(task: task)
            let mayRun = phase.withLock { phase in
                guard case .waiting = phase else { return false }
                phase = .running(task)
                return true
            }
            guard mayRun else { return .failure(CancellationError()) }
            let result: Result<Value, any Error>
            do { result = .success(try await operation()) } catch { result = .failure(error) }
            phase.withLock { if case .running = $0 { $0 = .ended } }
            return result
        }
    }

    func ring() {
        phase.withLock { phase in
            if case .running(let running) = phase { running.task?.cancel() }
            if case .ended = phase { return }
            phase = .outOfTime
        }
    }
}
