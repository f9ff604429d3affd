import Generation
import Resilience
import Synchronization

/// A wait at a provider. Cancelling the task or its call ends it, unless it takes no notice of either.
final class Nap: Sendable {
    private struct State {
        /// Whether it lasted to its end; nil while it lasts.
        var wasWhole: Bool?
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// - Returns: False if it was broken off.
    static func sleep(
        until moment: Instant, _ time: TimeSource, _ spawner: Spawner, _ token: CancellationToken?,
        isDeaf: Bool
    ) async -> Bool {
        if isDeaf ? moment <= time.now : Task.isCancelled { return isDeaf }
        guard isDeaf || token != nil else { return (try? await time.sleep(until: moment)) != nil }
        return await Nap().run(until: moment, time, spawner, isDeaf ? nil : token, isDeaf: isDeaf)
    }

    private func run(
        until moment: Instant, _ time: TimeSource, _ spawner: Spawner, _ token: CancellationToken?,
        isDeaf: Bool
    ) async -> Bool {
        let task = spawner.spawn { self.end((try? await time.sleep(until: moment)) != nil) }
        token?.onCancel { task.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = state.withLock { state in
                    state.waiter = waiter
                    return state.wasWhole != nil
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            if !isDeaf { task.cancel() }
        }
        return state.withLock { $0.wasWhole ?? false }
    }

    private func end(_ wasWhole: Bool) {
        let waiter = state.withLock { state in
            state.wasWhole = wasWhole
            return state.waiter
        }
        waiter?.resume()
    }
}
