public import Resilience
import Synchronization

/// A clock that stands still until a test moves it.
///
/// Sleepers are woken in the order of their deadlines, and in the order in which they began to sleep where deadlines
/// are equal. Reading and moving the clock are safe from any thread.
public final class VirtualClock: Clock, Sendable {
    /// Its moments are the library's.
    public typealias Instant = Resilience.Instant

    private struct Sleeper {
        let id: UInt64
        let deadline: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        let id: UInt64
        let count: Int
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now = Instant()
        var lastID: UInt64 = 0
        /// In the order in which they wake.
        var sleepers: [Sleeper] = []
        var watchers: [Watcher] = []
        /// Sleepers and watchers that were cancelled before they began.
        var cancelled: Set<UInt64> = []

        mutating func newID() -> UInt64 {
            lastID += 1
            return lastID
        }
    }

    private let state = Mutex(State())

    /// Creates a clock at its origin.
    public init() {}

    /// The moment to which the clock was last moved.
    public var now: Instant { state.withLock { $0.now } }
    /// One nanosecond.
    public var minimumResolution: Duration { .nanoseconds(1) }

    /// How many tasks sleep on this clock now.
    public var sleepers: Int { state.withLock { $0.sleepers.count } }

    /// The next moment at which someone wakes.
    public var nextDeadline: Instant? { state.withLock { $0.sleepers.first?.deadline } }

    /// Moves the clock and wakes whoever's deadline is reached, each at its own time.
    public func advance(by duration: Duration) {
        advance(to: now.advanced(by: duration))
    }

    /// Moves the clock to `target` and wakes whoever's deadline is reached, each at its own time.
    public func advance(to target: Instant) {
        while let sleeper = state.withLock({ state -> Sleeper? in
            guard let first = state.sleepers.first, first.deadline <= target else { return nil }
            state.sleepers.removeFirst()
            state.now = max(state.now, first.deadline)
            return first
        }) {
            sleeper.continuation.resume()
        }
        state.withLock { $0.now = max($0.now, target) }
    }

    /// Moves the clock to the next deadline and wakes who sleeps until then.
    ///
    /// - Returns: False if nobody sleeps.
    @discardableResult
    public func advanceToNextSleeper() -> Bool {
        guard let next = nextDeadline else { return false }
        advance(to: next)
        return true
    }

    /// Waits (in real time) until at least `count` tasks sleep on this clock, or the task that waits is cancelled.
    ///
    /// A time limit of a test cancels it, so a test whose sleepers never come ends there.
    public func untilSleepers(_ count: Int) async {
        let id = state.withLock { $0.newID() }
        // Who is cancelled after its wait is over leaves a mark that nobody looks for.
        defer { state.withLock { _ = $0.cancelled.remove(id) } }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.cancelled.remove(id) != nil || state.sleepers.count >= count { return true }
                    state.watchers.append(Watcher(id: id, count: count, continuation: continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            stopWatching(id)
        }
    }

    private func stopWatching(_ id: UInt64) {
        let watcher = state.withLock { state -> Watcher? in
            guard let index = state.watchers.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.watchers.remove(at: index)
        }
        watcher?.continuation.resume()
    }

    /// Suspends until the clock has been moved to `deadline`.
    ///
    /// - Throws: `CancellationError`.
    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        try Task.checkCancellation()
        let id = state.withLock { $0.newID() }
        // Who is cancelled after it was woken leaves a mark that nobody looks for.
        defer { state.withLock { _ = $0.cancelled.remove(id) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enter(Sleeper(id: id, deadline: deadline, continuation: continuation))
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func enter(_ sleeper: Sleeper) {
        enum Fate { case awake, cancelled, asleep([Watcher]) }
        let fate = state.withLock { state -> Fate in
            if state.cancelled.remove(sleeper.id) != nil { return .cancelled }
            if sleeper.deadline <= state.now { return .awake }
            let place = state.sleepers.firstIndex { $0.deadline > sleeper.deadline } ?? state.sleepers.count
            state.sleepers.insert(sleeper, at: place)
            let ready = state.watchers.filter { $0.count <= state.sleepers.count }
            state.watchers.removeAll { $0.count <= state.sleepers.count }
            return .asleep(ready)
        }
        switch fate {
        case .awake: sleeper.continuation.resume()
        case .cancelled: sleeper.continuation.resume(throwing: CancellationError())
        case .asleep(let watchers): for watcher in watchers { watcher.continuation.resume() }
        }
    }

    private func cancel(_ id: UInt64) {
        let sleeper = state.withLock { state -> Sleeper? in
            guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.sleepers.remove(at: index)
        }
        sleeper?.continuation.resume(throwing: CancellationError())
    }
}
