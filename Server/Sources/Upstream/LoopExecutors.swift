public import NIOCore

/// Runs tasks on event loops, so that a request and everything it awaits stay on one thread.
public final class LoopExecutors: Sendable {
    private final class Executor: TaskExecutor {
        private let loop: any EventLoop

        init(_ loop: any EventLoop) {
            self.loop = loop
        }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    private let executors: [ObjectIdentifier: any TaskExecutor]
    private let spare: any TaskExecutor

    /// Creates an executor for each loop of `group`.
    public init(_ group: any EventLoopGroup) {
        let loops = Array(group.makeIterator())
        executors = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0), Executor($0)) })
        spare = Executor(group.any())
    }

    /// The executor of a loop of the group; for other loops, that of some loop.
    public subscript(loop: any EventLoop) -> any TaskExecutor {
        executors[ObjectIdentifier(loop)] ?? spare
    }
}
