public import NIOCore

/// Runs tasks on event loops, so that a request and everything it awaits stay on one thread.
public final class LoopExecutors: Sendable {
    private let executors: [ObjectIdentifier: LoopExecutor]
    private let spare: LoopExecutor

    /// Creates an executor for each loop of `group`.
    public init(_ group: any EventLoopGroup) {
        let loops = Array(group.makeIterator())
        executors = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0), LoopExecutor($0)) })
        spare = LoopExecutor(group.any())
    }

    /// The executor of a loop of the group; for other loops, that of some loop.
    public subscript(loop: any EventLoop) -> any TaskExecutor {
        executors[ObjectIdentifier(loop)] ?? spare
    }

    /// The same; for other loops, one of their own, since what is confined to a loop must run there.
    func executor(of loop: any EventLoop) -> LoopExecutor {
        executors[ObjectIdentifier(loop)] ?? LoopExecutor(loop)
    }
}

/// Runs tasks on one event loop.
///
/// A task that goes on because of what a connection has read is run at the end of that read. By way of the loop's own
/// queue, which any thread may write to, it would run a moment later and cost half as much again.
final class LoopExecutor: TaskExecutor, @unchecked Sendable {  // Its queue is confined to its event loop.
    /// The steps of tasks that one read may run before the loop looks at its other connections.
    private static let mostInTurn = 64

    private let loop: any EventLoop
    /// What has become ready in a read and was not run yet.
    private var ready: [UnownedJob] = []
    private var collects = false

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if loop.inEventLoop, collects { return ready.append(job) }
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Does `work`, then runs the tasks that became ready by it.
    func collecting(_ work: () -> Void) {
        loop.assertInEventLoop()
        // A read within a task's step: what is ready is run by whoever collects already.
        guard !collects else { return work() }
        collects = true
        work()
        runReady()
        collects = false
    }

    /// What becomes ready meanwhile is run too, up to a limit, so that tasks that wake each other cannot keep the loop.
    private func runReady() {
        var next = 0
        while next < ready.count, next < Self.mostInTurn {
            let job = ready[next]
            next += 1
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
        while next < ready.count {
            let job = ready[next]
            next += 1
            loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
        ready.removeAll(keepingCapacity: true)
    }
}
