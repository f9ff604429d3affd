/// Where a strategy starts work that outlives its caller: a cache load that many wait for, a batch, a hedge.
///
/// The only place in the library where an unstructured task begins. Production starts a task; a simulation hands in its
/// own, so that it decides when the work runs and knows when all of it has ended.
public struct Spawner: Sendable {
    /// Work that was started.
    public struct Spawned: Sendable {
        private let onCancel: @Sendable () -> Void

        /// Describes work that was started; `cancel` asks it to end.
        public init(cancel: @escaping @Sendable () -> Void) {
            onCancel = cancel
        }

        /// Asks the work to end. Does nothing after its end.
        public func cancel() { onCancel() }
    }

    private let start: @Sendable (@escaping @Sendable () async -> Void) -> Spawned

    /// Creates a spawner that starts work by `start`.
    public init(_ start: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Spawned) {
        self.start = start
    }

    /// Starts each work as a task of its own, with the priority of who starts it.
    public static let tasks = tasks(on: nil)

    /// Starts each work as a task of its own, with nothing of who starts it: for what serves many.
    public static let detached = Spawner { work in
        let task = Task.detached { await work() }
        return Spawned { task.cancel() }
    }

    /// Starts each work as a task of its own, with the priority of who starts it.
    ///
    /// - Parameter executor: Where it runs; nil for where tasks usually do.
    public static func tasks(on executor: (any TaskExecutor)?) -> Spawner {
        Spawner { work in
            let task = Task(executorPreference: executor) { await work() }
            return Spawned { task.cancel() }
        }
    }

    /// Starts work.
    @discardableResult
    public func spawn(_ work: @escaping @Sendable () async -> Void) -> Spawned {
        start(work)
    }
}
