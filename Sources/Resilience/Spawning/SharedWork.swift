/// The task of work that several callers wait for, from before it is known. For use under a lock; what is returned is done
/// after that was given back.
struct SharedWork: Sendable {
    private enum State: Sendable {
        /// The spawner has not returned yet. Next: `known` or `givenUp`.
        case unknown
        /// Next: gone, when it has ended or is cancelled.
        case known(Spawner.Spawned)
        /// It is to be cancelled as soon as it is known.
        case givenUp
    }

    /// What is still to be done with a task.
    enum Step: Sendable {
        case cancel(Spawner.Spawned)
        case escalate(Spawner.Spawned, TaskPriority)

        func callAsFunction() {
            switch self {
            case .cancel(let task): task.cancel()
            case .escalate(let task, let priority): task.escalate(to: priority)
            }
        }
    }

    private var state = State.unknown
    /// The priority that the task has.
    private var has: TaskPriority
    /// The priority of the most urgent who has waited for it.
    private var wanted: TaskPriority

    /// - Parameters:
    ///   - has: The priority that its task begins with.
    ///   - wanted: The priority of the most urgent who waits for it.
    init(at has: TaskPriority, wanted: TaskPriority) {
        self.has = has
        self.wanted = max(has, wanted)
    }

    /// Takes the task that the spawner returned.
    mutating func know(_ task: Spawner.Spawned) -> Step? {
        if case .givenUp = state { return .cancel(task) }
        state = .known(task)
        return escalation
    }

    /// Takes note of somebody who waits for it.
    mutating func raise(to priority: TaskPriority) -> Step? {
        wanted = max(wanted, priority)
        return escalation
    }

    /// Gives it up: it is cancelled now or as soon as it is known.
    mutating func giveUp() -> Step? {
        guard case .known(let task) = state else {
            state = .givenUp
            return nil
        }
        return .cancel(task)
    }

    private var escalation: Step? {
        mutating get {
            guard wanted > has, case .known(let task) = state else { return nil }
            has = wanted
            return .escalate(task, wanted)
        }
    }
}
