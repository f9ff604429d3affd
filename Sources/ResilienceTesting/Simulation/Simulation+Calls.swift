public import Resilience
import Synchronization

extension Simulation {
    /// Starts a call of its own.
    ///
    /// - Parameters:
    ///   - name: What it is called in the account of a failure.
    ///   - cancellable: Whether the seed may cancel it. Default: yes.
    @discardableResult
    public func start<Value: Sendable>(
        _ name: String = "call", cancellable: Bool = true,
        _ work: @escaping @Sendable () async throws -> Value
    ) -> SimulatedCall<Value> {
        let id = guarded.withLock { guarded in
            guarded.lastID += 1
            return guarded.lastID
        }
        let task = Task(executorPreference: executor) {
            defer { self.end(id) }
            return try await work()
        }
        guarded.withLock { guarded in
            guarded.live.append(Live(id: id, name: name, cancel: { task.cancel() }))
            if cancellable { guarded.cancellable.append(id) }
        }
        return SimulatedCall(id: id, task: task, simulation: self)
    }

    /// For what is under test to start its background work by. The seed does not cancel it; who started it may.
    public var spawner: Spawner {
        Spawner { work in
            let call = self.start("spawned work", cancellable: false) { await work() }
            return Spawner.Spawned { call.cancel() }
        }
    }

    func isRunning(_ id: UInt64) -> Bool {
        guarded.withLock { guarded in guarded.live.contains { $0.id == id } }
    }

    private func end(_ id: UInt64) {
        guarded.withLock { guarded in
            guarded.live.removeAll { $0.id == id }
            guarded.cancellable.removeAll { $0 == id }
        }
    }
}
