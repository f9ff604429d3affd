/// Where a strategy starts work that outlives its caller: a cache load that many wait for, a batch, a hedge.
///
/// The only place in the library where an unstructured task begins. Production starts a task; a simulation hands in its
/// own, so that it decides when the work runs and knows when all of it has ended.
///
/// | Spawner | Priority | Task-local values | For |
/// |---|---|---|---|
/// | ``tasks`` | of who starts it | of who starts it | what belongs to one caller |
/// | ``sharing`` | of who starts it, raised when somebody more urgent waits for it | none | what many wait for |
/// | ``detached`` | the usual one | none | what goes on for all callers |
public struct Spawner: Sendable {
    /// Work that was started.
    public struct Spawned: Sendable {
        private let onCancel: @Sendable () -> Void
        private let onEscalate: (@Sendable (TaskPriority) -> Void)?

        /// Describes work that was started.
        ///
        /// - Parameters:
        ///   - cancel: Asks it to end.
        ///   - escalate: Raises its priority to one that is higher than it had. By default it stays as it began.
        public init(
            cancel: @escaping @Sendable () -> Void, escalate: (@Sendable (TaskPriority) -> Void)? = nil
        ) {
            onCancel = cancel
            onEscalate = escalate
        }

        /// Describes a task that was started.
        ///
        /// Its priority can be raised from macOS 26, iOS 26, tvOS 26, watchOS 26 and visionOS 26 on, and on other
        /// systems with Swift 6.2 or later; elsewhere it stays as it began.
        public init(_ task: Task<Void, Never>) {
            self.init(
                cancel: { task.cancel() },
                escalate: { priority in
                    if #available(macOS 26, iOS 26, tvOS 26, watchOS 26, visionOS 26, *) {
                        task.escalatePriority(to: priority)
                    }
                })
        }

        /// Asks the work to end. Does nothing after its end.
        public func cancel() { onCancel() }

        /// Raises the priority of the work, because somebody more urgent waits for it. A lower one changes nothing.
        public func escalate(to priority: TaskPriority) { onEscalate?(priority) }
    }

    private let start: @Sendable (@escaping @Sendable () async -> Void) -> Spawned

    /// Creates a spawner that starts work by `start`.
    public init(_ start: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Spawned) {
        self.start = start
    }

    /// Starts each work as a task of its own, with the priority and the task-local values of who starts it: for what
    /// belongs to one caller.
    public static let tasks = tasks(on: nil)

    /// Starts each work as a task of its own, with the priority of who starts it but none of its task-local values: for
    /// what several callers share, which must not run with the trace or the tenant of one of them.
    public static let sharing = sharing(on: nil)

    /// Starts each work as a task of its own, with nothing of who starts it: for what serves many.
    public static let detached = Spawner { work in Spawned(Task.detached { await work() }) }

    /// Starts each work as a task of its own, with the priority and the task-local values of who starts it.
    ///
    /// - Parameter executor: Where it runs; nil for where tasks usually do, whatever the executor of who starts it.
    public static func tasks(on executor: (any TaskExecutor)?) -> Spawner {
        Spawner { work in Spawned(Task(executorPreference: executor) { await work() }) }
    }

    /// Starts each work as a task of its own, with the priority of who starts it but none of its task-local values.
    ///
    /// - Parameter executor: Where it runs; nil for where tasks usually do, whatever the executor of who starts it.
    public static func sharing(on executor: (any TaskExecutor)?) -> Spawner {
        Spawner { work in
            Spawned(
                Task.detached(executorPreference: executor, priority: Task.currentPriority) { await work() })
        }
    }

    /// Starts work.
    @discardableResult
    public func spawn(_ work: @escaping @Sendable () async -> Void) -> Spawned {
        start(work)
    }
}
