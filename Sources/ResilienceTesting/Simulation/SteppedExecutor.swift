import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs jobs one at a time, when and in the order that its owner says.
///
/// A task gets it as its preference, `Task(executorPreference: executor) { ... }`; its child tasks and the default actors
/// that it calls follow. Not so `Task {}`, `Task.detached`, the main actor and actors with an executor of their own: see
/// ``strangers``.
public final class SteppedExecutor: TaskExecutor {
    private struct Queue {
        var jobs: [UnownedJob] = []
        var strangers = 0
        /// The thread on which jobs run; none before the first.
        var thread: UInt?
    }

    private let queue = Mutex(Queue())

    /// Creates an executor that has nothing to do.
    public init() {}

    /// The jobs that could run now.
    public var waiting: Int { queue.withLock { $0.jobs.count } }

    /// The jobs that came from another thread than the one on which jobs run.
    ///
    /// If there are any, something that runs elsewhere decides the order as well, and a run does not repeat itself.
    public var strangers: Int { queue.withLock { $0.strangers } }

    /// Takes a job.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.withLock { queue in
            if let thread = queue.thread, thread != Self.thisThread { queue.strangers += 1 }
            queue.jobs.append(job)
        }
    }

    /// Runs a job on this thread until it suspends or ends.
    ///
    /// - Parameter index: Its place among those that wait, counted from 0 in the order in which they came.
    /// - Returns: False if there is no such job.
    @discardableResult
    public func run(at index: Int) -> Bool {
        let job = queue.withLock { queue -> UnownedJob? in
            guard queue.jobs.indices.contains(index) else { return nil }
            queue.thread = Self.thisThread
            return queue.jobs.remove(at: index)
        }
        guard let job else { return false }
        job.runSynchronously(on: asUnownedTaskExecutor())
        return true
    }

    private static var thisThread: UInt {
        #if canImport(Darwin)
            UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }
}
