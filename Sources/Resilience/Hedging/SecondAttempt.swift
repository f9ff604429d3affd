import Synchronization

/// The hedge of a call whose first attempt runs in its caller's task: begins when its alarm rings, in a task of its own.
final class SecondAttempt<Value: Sendable>: Alarm {
    private enum Phase {
        case waiting, running, ended(Value?)
    }

    private struct State {
        var phase = Phase.waiting
        var isCancelled = false
        var task: Spawner.Spawned?
        var waiter: UnsafeContinuation<Value?, Never>?
    }

    private let hedge: Hedge
    private let spawner: Spawner
    private let attempt: @Sendable () async -> Value?
    private let onEnd: @Sendable (Value) -> Void
    private let state = Mutex(State())

    /// - Parameter onEnd: Gets what it brought.
    init(
        _ hedge: Hedge, _ spawner: Spawner, _ attempt: @escaping @Sendable () async -> Value?,
        onEnd: @escaping @Sendable (Value) -> Void
    ) {
        self.hedge = hedge
        self.spawner = spawner
        self.attempt = attempt
        self.onEnd = onEnd
    }

    func ring(dueAt: Instant, spawner _: Spawner) {
        let begins = state.withLock { state in
            guard case .waiting = state.phase else { return false }
            state.phase = .running
            return true
        }
        guard begins else { return }
        let task = spawner.spawn { self.finish(await self.run()) }
        let isCancelled = state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    /// Begins if the caller is there and the budget allows it.
    private func run() async -> Value? {
        // It may be cancelled while its task is not known yet.
        guard !state.withLock({ $0.isCancelled }), hedge.mayBegin(1) else { return nil }
        return await attempt()
    }

    /// Keeps it from beginning.
    ///
    /// - Returns: False if it has begun.
    func callOff() -> Bool {
        state.withLock { state in
            guard case .waiting = state.phase else { return false }
            state.phase = .ended(nil)
            return true
        }
    }

    /// Asks it to end, or keeps it from beginning.
    func cancel() {
        state.withLock { state in
            if case .waiting = state.phase { state.phase = .ended(nil) }
            state.isCancelled = true
            return state.task
        }?.cancel()
    }

    /// Waits until it has ended.
    func end() async -> Value? {
        await withUnsafeContinuation { waiter in
            let ended: Value?? = state.withLock { state in
                if case .ended(let value) = state.phase { return .some(value) }
                state.waiter = waiter
                return nil
            }
            if let ended { waiter.resume(returning: ended) }
        }
    }

    private func finish(_ value: Value?) {
        let waiter = state.withLock { state in
            state.phase = .ended(value)
            return state.waiter.take()
        }
        waiter?.resume(returning: value)
        if let value { onEnd(value) }
    }
}
