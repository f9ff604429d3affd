internal import Resilience
import Synchronization

extension Simulation {
    /// Runs `body` in the order that a seed draws, on this thread, until it has ended.
    ///
    /// - Parameters:
    ///   - body: Sets the scene, waits for its end and says what must hold. The seed does not cancel it.
    /// - Returns: What the body returned.
    /// - Throws: ``SimulationFailure`` when something did not hold, the body threw, nobody could go on, there was no end,
    ///   or something was left behind: calls, spawned work or sleepers that outlive the body.
    @discardableResult
    public static func run<Value: Sendable>(
        seed: UInt64, policy: SimulationPolicy = SimulationPolicy(),
        _ body: @escaping @Sendable (Simulation) async throws -> Value
    ) throws(SimulationFailure) -> Value {
        let simulation = Simulation(seed: seed, policy: policy), result = Returned<Value>()
        let call = simulation.start("body", cancellable: false) {
            do { result.put(.success(try await body(simulation))) } catch { result.put(.failure(error)) }
        }
        do throws(SimulationFailure.Reason) {
            while call.isRunning { try simulation.step() }
            let value = try result.get()
            try simulation.finish()
            return value
        } catch {
            let failure = simulation.failure(error)
            simulation.abandon()
            throw failure
        }
    }

    /// Runs `body` once for each seed; the first failure ends it.
    ///
    /// - Returns: The steps of all runs.
    /// - Throws: ``SimulationFailure``, or `CancellationError` when the caller is cancelled between two runs.
    @discardableResult
    public static func run(
        seeds: SimulationSeeds, policy: SimulationPolicy = SimulationPolicy(),
        _ body: @escaping @Sendable (Simulation) async throws -> Void
    ) async throws -> Int {
        var steps = 0
        for index in 0..<seeds.count {
            steps += try run(seed: seeds.first &+ UInt64(index), policy: policy) { simulation in
                try await body(simulation)
                return simulation.steps
            }
            // Other tests share this thread.
            if index % 16 == 15 {
                try Task.checkCancellation()
                await Task.yield()
            }
        }
        return steps
    }

    // MARK: Steps

    private func step() throws(SimulationFailure.Reason) {
        let jobs = executor.waiting, sleepers = clock.sleepers > 0
        let (turn, cancel, steps) = guarded.withLock {
            guarded -> (Schedule.Turn?, (@Sendable () -> Void)?, Int) in
            guarded.steps += 1
            let turn = guarded.schedule.next(jobs: jobs, calls: guarded.cancellable.count, sleepers: sleepers)
            guarded.mix(turn, jobs)
            guard case .cancel(let index) = turn else { return (turn, nil, guarded.steps) }
            let id = guarded.cancellable.remove(at: index)
            return (turn, guarded.live.first { $0.id == id }?.cancel, guarded.steps)
        }
        guard steps <= policy.maximumSteps else { throw .endless(unfinished: unfinished) }
        switch turn {
        case .job(let index): executor.run(at: index)
        case .time: clock.advanceToNextSleeper()
        case .cancel: cancel?()
        case nil: try wakeIdle()
        }
        try check()
    }

    private func check() throws(SimulationFailure.Reason) {
        if let what = guarded.withLock({ $0.broken }) { throw .broken(what) }
        if executor.strangers > 0 { throw .escaped }
    }

    /// Wakes those who wait for everyone else.
    private func wakeIdle() throws(SimulationFailure.Reason) {
        let idle = guarded.withLock { guarded in
            defer { guarded.idle = [] }
            return guarded.idle
        }
        guard !idle.isEmpty else { throw .deadlock(unfinished: unfinished) }
        for continuation in idle { continuation.resume() }
    }

    /// Lets those end who can without time going on, and looks who is left.
    private func finish() throws(SimulationFailure.Reason) {
        var steps = 0
        while executor.waiting > 0 {
            steps += 1
            guard steps <= policy.maximumSteps else { throw .endless(unfinished: unfinished) }
            executor.run(at: 0)
            try check()
        }
        let left = unfinished, sleepers = clock.sleepers
        guard left.isEmpty, sleepers == 0 else { throw .leaked(left, sleepers: sleepers) }
    }

    // MARK: Failures

    /// Cancels all that is left, so that what can end does.
    private func abandon() {
        let (live, idle) = guarded.withLock { ($0.live, $0.idle) }
        guarded.withLock { $0.idle = [] }
        for live in live { live.cancel() }
        for continuation in idle { continuation.resume() }
        var steps = 0
        while steps < policy.maximumSteps, executor.waiting > 0 || clock.advanceToNextSleeper() {
            executor.run(at: 0)
            steps += 1
        }
    }

    private var unfinished: [String] { guarded.withLock { $0.live.map(\.name) } }

    private func failure(_ reason: SimulationFailure.Reason) -> SimulationFailure {
        let time = clock.now.sinceOrigin
        return guarded.withLock {
            SimulationFailure(seed: seed, reason: reason, steps: $0.steps, time: time, log: $0.log)
        }
    }
}

extension Simulation.Guarded {
    /// Adds a turn to the fingerprint (FNV-1a).
    mutating func mix(_ turn: Schedule.Turn?, _ jobs: Int) {
        let word: Int =
            switch turn {
            case .job(let index): index << 2
            case .time: 1
            case .cancel(let index): index << 2 | 2
            case nil: 3
            }
        for part in [word, jobs] {
            fingerprint = (fingerprint ^ UInt64(truncatingIfNeeded: part)) &* 0x100_0000_01b3
        }
    }
}

/// What the body returned.
private final class Returned<Value: Sendable>: Sendable {
    private let kept = Mutex<Result<Value, any Error>?>(nil)

    func put(_ result: Result<Value, any Error>) { kept.withLock { $0 = result } }

    func get() throws(SimulationFailure.Reason) -> Value {
        switch kept.withLock({ $0 }) {
        case .success(let value)?: return value
        case .failure(let error)?: throw .threw(error)
        case nil: throw .deadlock(unfinished: ["body"])
        }
    }
}
