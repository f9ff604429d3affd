/// Bounds how long a call may take.
///
/// ```swift
/// let answer = try await Timeout("search", after: .seconds(2)).run { try await search(query) }
/// ```
///
/// When the time is up the operation's task is cancelled. The call returns when the operation has ended, since its
/// task is a child of the caller's: an operation that ignores cancellation delays the answer. The deadline of a layer
/// outside counts as well: the earlier of both ends the call.
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
    private let isCancellation: (@Sendable (any Error) -> Bool)?

    /// Creates a timeout.
    ///
    /// - Parameters:
    ///   - spawner: Where calls that ran out of time are cancelled, and where their one sleeper runs.
    ///   - onEvent: Told about each call that ran out of time, when it has ended, and each that came too late to begin.
    ///   - isCancellation: Which errors of the operation say that it was cancelled, besides `CancellationError`: those of
    ///     a client that reports it in words of its own. Default: none.
    public init(
        _ name: String, after limit: Duration, time: TimeSource = TimeSource(), spawner: Spawner = .detached,
        onEvent: (@Sendable (TimeoutEvent) -> Void)? = nil,
        isCancellation: (@Sendable (any Error) -> Bool)? = nil
    ) {
        self.name = name
        self.limit = limit
        self.time = time
        self.onEvent = onEvent
        self.isCancellation = isCancellation
        timers = TimerQueue(time: time, spawner: spawner)
    }

    /// Runs `operation` in a child task, which begins at once, on this thread where the system can do so.
    ///
    /// - Parameters:
    ///   - deadline: When the caller wants its answer, on the timeout's clock. If it comes before the limit, the call
    ///     ends there. Default: none.
    ///   - discard: Gets the value of an operation that has ended when the time was up: the caller does not get it.
    /// - Throws: ``Rejection`` with reason `timedOut` when the time was up before the operation had ended, and with
    ///   `deadlinePassed` when there was none left to begin. An error of the operation's own is thrown unchanged even when
    ///   it came after that. `CancellationError` when the caller was cancelled before; when it is cancelled later, what
    ///   the operation makes of that.
    @inlinable
    public func run<Value: Sendable>(
        deadline: Instant? = nil, discard: @Sendable (Value) -> Void = { _ in },
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await run(until: due(before: deadline), discard, operation)
    }

    @inlinable
    @inline(__always)
    func run<Value: Sendable>(
        until dueAt: Instant, _ discard: (Value) -> Void,
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let call = begin(until: dueAt)
        nonisolated(unsafe) var result: Result<Value, any Error>?
        await withDiscardingTaskGroup { group in
            group.addTaskAtOnce { result = await call.run(operation) }
        }
        let isOutOfTime = end(call)
        // The value is there: the group waits for its child.
        switch result ?? .failure(CancellationError()) {
        case .success(let value):
            guard isOutOfTime else { return value }
            discard(value)
            throw late(until: dueAt)
        case .failure(let error): throw verdict(on: error, isOutOfTime, until: dueAt)
        }
    }

    /// When the time of a call is up that begins now.
    @usableFromInline
    func due(before deadline: Instant?) throws -> Instant {
        try Task.checkCancellation()
        let now = time.now, dueAt = now.advanced(by: limit)
        guard let deadline, deadline < dueAt else { return dueAt }
        if deadline > now { return deadline }
        onEvent?(TimeoutEvent(strategy: name, happening: .rejected, late: now.since(deadline)))
        throw Rejection(.deadlinePassed, strategy: name)
    }

    @usableFromInline
    func begin(until dueAt: Instant) -> TimedCall {
        let call = TimedCall()
        call.ticket = timers.set(call, at: dueAt)
        return call
    }

    /// - Returns: Whether the time was up before the call had ended.
    @usableFromInline
    func end(_ call: TimedCall) -> Bool {
        if let ticket = call.ticket { timers.cancel(ticket) }
        return call.isOutOfTime
    }

    /// What the caller is thrown when the operation has failed.
    @usableFromInline
    func verdict(on error: any Error, _ isOutOfTime: Bool, until dueAt: Instant) -> any Error {
        if let rejection = error as? Rejection, rejection.reason == .timedOut {
            // A timeout inside ends its call at this one's time at the latest, and may be the first to say so.
            return isOutOfTime || time.now >= dueAt ? late(until: dueAt) : error
        }
        guard isOutOfTime else { return error }
        let isOwn = !(error is CancellationError || isCancellation?(error) ?? false)
        let rejection = late(until: dueAt)
        return isOwn ? error : rejection
    }

    /// Tells of a call that ran out of time.
    @usableFromInline
    func late(until dueAt: Instant) -> Rejection {
        if let onEvent {
            // Of a clock that wakes its sleepers a little early the call may have ended before its time.
            let late = max(.zero, time.now.since(dueAt))
            onEvent(TimeoutEvent(strategy: name, happening: .passed, late: late))
        }
        return Rejection(.timedOut, strategy: name)
    }
}

extension Timeout: ConcurrentStrategy {
    /// Runs `next` in a child task, which is cancelled when the time is up or the context's deadline has come.
    @inlinable
    @inline(__always)
    public func run<Value: Sendable>(
        _ context: CallContext, concurrently next: @Sendable (CallContext) async throws -> Value
    ) async throws -> Value {
        let dueAt = try due(before: context.deadline)
        var context = context
        context.deadline = dueAt
        return try await withoutActuallyEscaping(next) { [context] next in
            try await run(until: dueAt, { _ in }) { try await next(context) }
        }
    }
}
