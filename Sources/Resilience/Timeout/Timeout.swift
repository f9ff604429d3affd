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
/// All calls of one timeout share one sleeping task: keep it, rather than make one for each call. For a call that is
/// trusted to keep to its time, a ``Deadline`` costs no task at all.
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
        _ name: String, after limit: Duration, time: TimeSource = TimeSource(), spawner: Spawner = .detached,
        onEvent: (@Sendable (TimeoutEvent) -> Void)? = nil
    ) {
        self.name = name
        self.limit = limit
        self.time = time
        self.onEvent = onEvent
        timers = TimerQueue(time: time, spawner: spawner)
        assertNoProblems(in: name)
    }

    /// Runs `operation` in a child task, which begins at once, on this thread.
    ///
    /// - Throws: ``Rejection`` with reason `timedOut` when the limit passed first, else the operation's own error;
    ///   when the caller was cancelled, what the operation makes of that.
    @inlinable
    public func run<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws
        -> Value
    {
        try await run(until: due, operation)
    }

    @inlinable
    @inline(__always)
    func run<Value: Sendable>(
        until dueAt: Instant, _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let call = begin(until: dueAt)
        nonisolated(unsafe) var result: Result<Value, any Error>?
        // The call begins at once, on this thread: waiting for another costs more than most policies do.
        await withDiscardingTaskGroup { group in
            group.addImmediateTask { result = await call.run(operation) }
        }
        try end(call, until: dueAt)
        // It is there: the group waits for its child.
        guard let result else { throw CancellationError() }
        return try result.get()
    }

    /// When the time of a call is up that begins now.
    @usableFromInline
    var due: Instant { time.now.advanced(by: limit) }

    @usableFromInline
    func begin(until dueAt: Instant) -> TimedCall {
        let call = TimedCall()
        call.ticket = timers.set(call, at: dueAt)
        return call
    }

    @usableFromInline
    func end(_ call: TimedCall, until dueAt: Instant) throws(Rejection) {
        if let ticket = call.ticket { timers.cancel(ticket) }
        guard call.isOutOfTime else { return }
        onEvent?(TimeoutEvent(strategy: name, late: time.now.since(dueAt)))
        throw Rejection(.timedOut, strategy: name)
    }
}

extension Timeout: ConcurrentStrategy {
    /// Runs `next` in a child task, which is cancelled when the time is up.
    @inlinable
    @inline(__always)
    public func run<Value: Sendable>(
        _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        let dueAt = due, context = context.before(dueAt)
        return try await withoutActuallyEscaping(next) { next in
            try await run(until: dueAt) { try await next(context) }
        }
    }
}

/// One call that has a limit: whether its end came first, or its time.
@usableFromInline
final class TimedCall: Alarm, @unchecked Sendable {  // The phase says who may touch the task.
    private enum Phase {
        static let waiting = 0, running = 1, cancelling = 2, ended = 3, outOfTime = 4
    }

    private let phase = Atomic<Int>(Phase.waiting)
    /// The task that runs the call. It is cancelled only while the phase keeps it from ending.
    private var task: UnsafeCurrentTask?
    /// Where it stands among the timers. Set before the call begins.
    fileprivate var ticket: TimerQueue.Ticket?

    fileprivate init() {}

    fileprivate var isOutOfTime: Bool { phase.load(ordering: .acquiring) == Phase.outOfTime }

    private func change(from old: Int, to new: Int) -> Bool {
        phase.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
    }

    @inlinable
    @inline(__always)
    func run<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async -> Result<
        Value, any Error
    > {
        guard withUnsafeCurrentTask(body: { begin($0) }) else { return .failure(CancellationError()) }
        defer { end() }
        do { return .success(try await operation()) } catch { return .failure(error) }
    }

    /// - Returns: Whether there is time left to run at all.
    @usableFromInline
    func begin(_ task: UnsafeCurrentTask?) -> Bool {
        self.task = task
        return change(from: Phase.waiting, to: Phase.running)
    }

    @usableFromInline
    func end() {
        guard !change(from: Phase.running, to: Phase.ended) else { return }
        // The timer cancels this task at this moment, on another thread. That takes as long as the call's own
        // cancellation handlers do, which must be quick.
        while phase.load(ordering: .acquiring) == Phase.cancelling {}
    }

    func ring(dueAt: Instant) {
        if change(from: Phase.waiting, to: Phase.outOfTime) { return }
        guard change(from: Phase.running, to: Phase.cancelling) else { return }
        task?.cancel()
        phase.store(Phase.outOfTime, ordering: .releasing)
    }
}
