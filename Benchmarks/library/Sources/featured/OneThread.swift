import Synchronization

/// Runs all jobs on the thread that waits for them, so that every instruction of a call is counted and no other.
final class OneThread: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    private let isDone = Atomic<Bool>(false)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    /// Runs `work` to its end.
    func run(_ work: @escaping @Sendable () async throws -> Void) {
        Task(executorPreference: self) { [self] in
            do { try await work() } catch { print(error) }
            isDone.store(true, ordering: .releasing)
        }
        while !isDone.load(ordering: .acquiring) {
            jobs.withLock { $0.popLast() }?.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
