import Resilience
import Synchronization

/// Lets requests that wait for a target go on as soon as it answers again.
final class Recovery: Sendable {
    private struct State {
        var next: UInt64 = 0
        /// Those that wait, or are about to.
        var waiting: [UInt64: CheckedContinuation<Void, Never>?] = [:]
    }

    private let state = Mutex(State())

    /// Waits until the target has answered a probe, at most for `limit`.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    func wait(atMost limit: Duration, time: TimeSource) async throws {
        let id = state.withLock { state in
            state.next &+= 1
            state.waiting[state.next] = .some(nil)
            return state.next
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await time.sleep(for: limit)
                self.resume(id)
            }
            await withCheckedContinuation { waiter in
                let isOver = state.withLock { state in
                    guard state.waiting[id] != nil else { return true }
                    state.waiting[id] = waiter
                    return false
                }
                if isOver { waiter.resume() }
            }
            group.cancelAll()
        }
        try Task.checkCancellation()
    }

    /// Lets all go on that wait.
    func announce() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting
        }
        for waiter in waiting.values { waiter?.resume() }
    }

    private func resume(_ id: UInt64) {
        state.withLock { $0.waiting.removeValue(forKey: id) ?? nil }?.resume()
    }
}
