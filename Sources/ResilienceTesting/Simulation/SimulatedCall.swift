/// A call that runs in a simulation.
public struct SimulatedCall<Value: Sendable>: Sendable {
    let id: UInt64
    let task: Task<Value, any Error>
    let simulation: Simulation

    /// Waits for its end.
    public var result: Result<Value, any Error> {
        get async { await task.result }
    }

    /// Whether it was cancelled, by the seed or by ``cancel()``.
    public var wasCancelled: Bool { task.isCancelled }

    /// Whether it has not ended.
    public var isRunning: Bool { simulation.isRunning(id) }

    /// Cancels it.
    public func cancel() { task.cancel() }
}
