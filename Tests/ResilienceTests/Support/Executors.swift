import Resilience
import Synchronization

/// Runs each job where it is handed in, within the call that does so.
final class InlineExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        UnownedJob(job).runSynchronously(on: asUnownedTaskExecutor())
    }
}

/// Starts a number of works as tasks and keeps those that follow, so that a test sees what was handed over and not done.
final class HoldingSpawner: Sendable {
    private struct State {
        var started = 0
        var held: [@Sendable () async -> Void] = []
    }

    private let state = Mutex(State())
    private let most: Int

    /// Creates one that starts the first `most` works.
    init(starting most: Int) { self.most = most }

    /// How many works were kept.
    var held: Int { state.withLock { $0.held.count } }

    var spawner: Spawner {
        Spawner { work in
            let starts = self.state.withLock { state in
                state.started += 1
                if state.started > self.most { state.held.append(work) }
                return state.started <= self.most
            }
            return starts ? Spawner.detached.spawn(work) : Spawner.Spawned {}
        }
    }

    /// Does what was kept, one after the other.
    func release() async {
        for work in state.withLock({ $0.held }) { await work() }
    }
}
