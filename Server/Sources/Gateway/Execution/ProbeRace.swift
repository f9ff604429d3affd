import Resilience
import Synchronization

/// A probe of a target whose breaker was open, and an attempt at a healthy one that begins beside it if the probe is not
/// quick. The first answer counts. A probe that has lost goes on by itself until it has shown how its target is.
final class ProbeRace: Sendable {
    /// How long a probe has its request to itself.
    static let delay = Duration.milliseconds(250)

    /// What the race has come to.
    enum Result: Sendable {
        /// The probe has ended; with what the other attempt brought, if it was made.
        case ended(probe: Opening, other: Opening?)
        /// The other attempt has answered, and the probe goes on.
        case outrun(by: Opening)
    }

    private struct State {
        var probe: Opening?
        var other: Opening?
        var otherRuns = false
        /// Whether the request goes on with the result, so that nobody waits for the probe any more.
        var isOver = false
        var waiter: CheckedContinuation<Void, Never>?

        /// What it has come to; nil as long as somebody has to be waited for.
        var result: Result? {
            if let probe { return otherRuns ? nil : .ended(probe: probe, other: other) }
            guard let other, other.isAnswer else { return nil }
            return .outrun(by: other)
        }
    }

    private let state = Mutex(State())
    private let time: TimeSource
    private let spawner: Spawner

    init(time: TimeSource, spawner: Spawner) {
        self.time = time
        self.spawner = spawner
    }

    /// - Parameters:
    ///   - other: Nil if it is not to be made after all.
    ///   - afterLoss: Gets what a probe brings that has lost.
    func run(
        probe: @escaping @Sendable () async -> Opening, other: @escaping @Sendable () async -> Opening?,
        afterLoss: @escaping @Sendable (Opening) -> Void
    ) async -> Result {
        let second = spawner.spawn {
            guard (try? await self.time.sleep(for: Self.delay)) != nil, self.beginOther() else { return }
            self.otherEnded(await other())
        }
        let first = spawner.spawn {
            let opening = await probe()
            if opening.isAnswer { second.cancel() }
            if self.hasLost(opening) { afterLoss(opening) }
        }
        let result = await withTaskCancellationHandler {
            await decision()
        } onCancel: {
            first.cancel()
            second.cancel()
        }
        // It may still wait for its turn.
        if case .ended = result { second.cancel() }
        return result
    }

    /// What the race has come to, once that is clear.
    private func decision() async -> Result {
        while true {
            if let result = state.withLock({ state in
                state.isOver = state.result != nil
                return state.result
            }) {
                return result
            }
            await withCheckedContinuation { waiter in
                let isDecided = state.withLock { state in
                    guard state.result == nil else { return true }
                    state.waiter = waiter
                    return false
                }
                if isDecided { waiter.resume() }
            }
        }
    }

    /// - Returns: Whether the other attempt is still of use.
    private func beginOther() -> Bool {
        state.withLock { state in
            guard !state.isOver, state.probe == nil else { return false }
            state.otherRuns = true
            return true
        }
    }

    private func otherEnded(_ opening: Opening?) {
        change { state in
            state.otherRuns = false
            state.other = opening
        }
    }

    /// The probe has ended.
    ///
    /// - Returns: Whether the request has gone on without it.
    private func hasLost(_ probe: Opening) -> Bool {
        let isOver = state.withLock { state in
            if !state.isOver { state.probe = probe }
            return state.isOver
        }
        change { _ in }
        return isOver
    }

    private func change(_ body: (inout State) -> Void) {
        let waiter = state.withLock { state in
            body(&state)
            return state.result == nil ? nil : state.waiter.take()
        }
        waiter?.resume()
    }
}
