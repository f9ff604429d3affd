import Synchronization

/// One call that has a limit: whether its end came first, or its time.
@usableFromInline
final class TimedCall: Alarm, @unchecked Sendable {  // The phase says who may touch the rest.
    private enum Phase {
        /// Next: running, outOfTime.
        static let waiting = 0
        /// Next: ended, cancelling.
        static let running = 1
        /// Its time was up, and another task cancels it. Next: awaited, outOfTime.
        static let cancelling = 2
        /// It has ended and waits for that other task, since none that has gone may be cancelled. Next: outOfTime.
        static let awaited = 3
        static let ended = 4
        static let outOfTime = 5
    }

    private let phase = Atomic<Int>(Phase.waiting)
    /// The task that runs the call. It is cancelled only while the phase keeps it from ending.
    private var task: UnsafeCurrentTask?
    /// What the call waits with while it is awaited.
    private var waiter: UnsafeContinuation<Void, Never>?
    /// Where it stands among the timers. Set before the call begins.
    var ticket: TimerQueue.Ticket?

    init() {}

    var isOutOfTime: Bool { phase.load(ordering: .acquiring) == Phase.outOfTime }

    private func change(from old: Int, to new: Int) -> Bool {
        phase.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
    }

    @inlinable
    @inline(__always)
    func run<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async -> Result<
        Value, any Error
    > {
        guard withUnsafeCurrentTask(body: { begin($0) }) else { return .failure(CancellationError()) }
        let result: Result<Value, any Error>
        do { result = .success(try await operation()) } catch { result = .failure(error) }
        if !end() { await untilCancelled() }
        return result
    }

    /// - Returns: Whether there is time left to run at all.
    @usableFromInline
    func begin(_ task: UnsafeCurrentTask?) -> Bool {
        self.task = task
        return change(from: Phase.waiting, to: Phase.running)
    }

    /// - Returns: False if its time was up before.
    @usableFromInline
    func end() -> Bool { change(from: Phase.running, to: Phase.ended) }

    /// Waits for the task that cancels this one.
    @usableFromInline
    func untilCancelled() async {
        await withUnsafeContinuation { waiter in
            self.waiter = waiter
            if !change(from: Phase.cancelling, to: Phase.awaited) { waiter.resume() }
        }
    }

    func ring(dueAt: Instant, spawner: Spawner) {
        if change(from: Phase.waiting, to: Phase.outOfTime) { return }
        guard change(from: Phase.running, to: Phase.cancelling) else { return }
        // The call's own cancellation handlers take as long as they like.
        spawner.spawn { self.cancel() }
    }

    private func cancel() {
        task?.cancel()
        if change(from: Phase.cancelling, to: Phase.outOfTime) { return }
        let waiter = waiter
        phase.store(Phase.outOfTime, ordering: .releasing)
        waiter?.resume()
    }
}
