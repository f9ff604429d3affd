import ResilienceTesting
import Synchronization

@testable import Resilience

/// Virtual time, and a place for the calls of one vector: they go on in the order in which they could, and only when the
/// runner says so. So a vector plays alike each time, on the thread of who plays it.
final class Stage: Sendable {
    private static let mostJobs = 1_000_000

    /// A clock that counts who sleeps by it.
    private final class CountingClock: Clock {
        typealias Instant = Resilience.Instant

        let clock: VirtualClock
        let sleeps = Mutex(0)

        init(_ clock: VirtualClock) { self.clock = clock }

        var now: Instant { clock.now }
        var minimumResolution: Duration { clock.minimumResolution }

        func sleep(until deadline: Instant, tolerance: Duration?) async throws {
            sleeps.withLock { $0 += 1 }
            try await clock.sleep(until: deadline)
        }
    }

    private let clock = VirtualClock()
    private let counting: CountingClock
    private let executor = SteppedExecutor()

    /// The time of the operations.
    let time: TimeSource
    /// The time of the strategies; how often they sleep is counted.
    let strategies: TimeSource
    /// For what strategies start.
    let spawner: Spawner

    init() {
        counting = CountingClock(clock)
        time = TimeSource(clock)
        strategies = TimeSource(counting)
        spawner = .tasks(on: executor)
    }

    var now: Instant { clock.now }
    /// How often strategies have slept.
    var sleeps: Int { counting.sleeps.withLock { $0 } }

    /// Makes a call, of which nothing happens before ``settle()``.
    func start<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) -> StagedCall<Value> {
        let call = StagedCall<Value>()
        let task = Task(executorPreference: executor) {
            do { call.end(.success(try await work())) } catch { call.end(.failure(error)) }
        }
        call.begin { task.cancel() }
        return call
    }

    /// Lets everything go on as far as it can without time passing.
    func settle() throws {
        for _ in 0..<Self.mostJobs where !executor.run(at: 0) { return }
        throw Unsupported("a call that goes on and on")
    }

    /// Lets time pass; everyone goes on at its own moment.
    func advance(by duration: Duration) throws { try advance(to: now.advanced(by: duration)) }

    func advance(to target: Instant) throws {
        try settle()
        while let next = clock.nextDeadline, next <= target {
            clock.advance(to: next)
            try settle()
        }
        clock.advance(to: target)
        try settle()
    }

    /// Lets time pass until the next moment at which somebody wakes.
    ///
    /// - Returns: False if nobody sleeps.
    func advanceToNextSleeper() throws -> Bool {
        guard clock.advanceToNextSleeper() else { return false }
        try settle()
        return true
    }

    /// Lets time pass until a call has ended.
    func finish<Value>(_ call: StagedCall<Value>) throws -> Result<Value, any Error> {
        try settle()
        while true {
            if let result = call.result { return result }
            guard try advanceToNextSleeper() else { throw Unsupported("a call that does not end") }
        }
    }

    /// Makes a call and lets time pass until it has ended.
    func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws
        -> Result<Value, any Error>
    {
        try finish(start(work))
    }
}

/// A call on a stage.
final class StagedCall<Value: Sendable>: Sendable {
    private struct State {
        var result: Result<Value, any Error>?
        var cancel: @Sendable () -> Void = {}
    }

    private let state = Mutex(State())

    /// What it ended with; nil while it goes on.
    var result: Result<Value, any Error>? { state.withLock { $0.result } }

    fileprivate func begin(_ cancel: @escaping @Sendable () -> Void) { state.withLock { $0.cancel = cancel } }

    fileprivate func end(_ result: Result<Value, any Error>) { state.withLock { $0.result = result } }

    func cancel() { state.withLock { $0.cancel }() }
}

/// Where an operation waits to be told how it ends.
final class Gate: Sendable {
    private struct State {
        var outcome: Outcome?
        var isCancelled = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Waits for ``open(_:)``.
    ///
    /// - Throws: What it is opened with if that is an error, or `CancellationError`.
    func wait() async throws -> String {
        await withTaskCancellationHandler {
            await waitThroughCancellation()
        } onCancel: {
            wake { $0.isCancelled = true }
        }
        guard let outcome = state.withLock({ $0.outcome }) else { throw CancellationError() }
        return try outcome.get()
    }

    /// Waits for ``open(_:)`` and takes no notice of being cancelled.
    func waitThroughCancellation() async {
        await withCheckedContinuation { waiter in
            let isOver = state.withLock { state in
                if state.outcome != nil || state.isCancelled { return true }
                state.waiter = waiter
                return false
            }
            if isOver { waiter.resume() }
        }
    }

    /// Whether an operation waits now.
    var isAwaited: Bool { state.withLock { $0.waiter != nil } }

    /// Ends the operation that waits, or will wait.
    func open(_ outcome: Outcome) { wake { $0.outcome = $0.outcome ?? outcome } }

    private func wake(_ change: @Sendable (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
