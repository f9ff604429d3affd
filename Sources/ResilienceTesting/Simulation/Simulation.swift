public import Resilience
import Synchronization

/// Runs concurrent code in an order that a seed draws, on a clock that never waits.
///
/// All tasks of a run share one thread. Whenever one suspends, the seed draws who goes on; when nobody can, time jumps to
/// the next sleeper. Calls are cancelled between any two steps, and fail and wait at each ``hazard()``. The same seed
/// gives the same run, so a mistake that needs one order in ten thousand is found once and then seen as often as one
/// likes.
///
/// ```swift
/// try Simulation.run(seed: 17) { simulation in
///     let bulkhead = Bulkhead("search", policy: BulkheadPolicy(limit: 2, queue: 5), time: simulation.time)
///     for number in 0..<8 {
///         simulation.start("call \(number)") { try await bulkhead.run { try await simulation.hazard() } }
///     }
///     await simulation.untilIdle()
///     simulation.expect(bulkhead.load == (0, 0), "a place was lost")
/// }
/// ```
///
/// What is under test must take its time from ``time``, its random numbers from ``chance()`` and start its background
/// work by ``spawner``. What runs elsewhere cannot be controlled: `Task {}` and `Task.detached`, the main actor, actors
/// with their own executor, `Task.sleep` and real input and output. Waiting for them ends a run as
/// ``SimulationFailure/Reason/escaped`` or ``SimulationFailure/Reason/deadlock(unfinished:)``. A `Set` or `Dictionary` is
/// iterated in another order in each run; code whose steps depend on it repeats itself only with
/// `SWIFT_DETERMINISTIC_HASHING=1`.
///
/// A step is never interrupted: between two suspensions nobody else runs. Races of threads within one are for the
/// thread sanitizer to find.
public final class Simulation: Sendable {
    struct Live {
        let id: UInt64
        let name: String
        let cancel: @Sendable () -> Void
    }

    struct Guarded {
        var schedule: Schedule
        /// The calls and works that have not ended, in the order of their beginnings.
        var live: [Live] = []
        /// Those of them that the seed may cancel, and has not.
        var cancellable: [UInt64] = []
        var idle: [CheckedContinuation<Void, Never>] = []
        var broken: String?
        var log: [String] = []
        var lastID: UInt64 = 0
        var failures = 0
        var steps = 0
        var fingerprint: UInt64 = 0xcbf2_9ce4_8422_2325
    }

    /// The lines that are kept for a failure's account.
    private static let longestLog = 40

    /// The seed of this run.
    public let seed: UInt64
    /// What is done to calls, and for how long.
    public let policy: SimulationPolicy
    /// The clock of this run; it moves when nobody can run.
    public let clock = VirtualClock()
    /// The time of this run, for what is under test.
    public let time: TimeSource
    /// Where all tasks of this run have their turn.
    public let executor = SteppedExecutor()

    let guarded: Mutex<Guarded>

    init(seed: UInt64, policy: SimulationPolicy) {
        assert(policy.problems.isEmpty, "a simulation has values out of range: \(policy.problems)")
        self.seed = seed
        self.policy = policy
        time = TimeSource(clock)
        guarded = Mutex(Guarded(schedule: Schedule(seed: seed, policy)))
    }

    // MARK: Chance

    /// A generator for what is under test; a different one each time.
    public func chance() -> Chance { guarded.withLock { $0.schedule.split() } }

    /// A number in 0 ..< `bound`, drawn by the seed; 0 if that is empty.
    public func below(_ bound: Int) -> Int { guarded.withLock { $0.schedule.below(bound) } }

    /// What was drawn so far, in one number: equal for equal runs.
    public var fingerprint: UInt64 { guarded.withLock { $0.fingerprint } }

    /// The steps so far.
    public var steps: Int { guarded.withLock { $0.steps } }

    // MARK: Suspension points

    /// Lets others go first.
    public func pause() async { await Task.yield() }

    /// Waits for a tenth of `longest`, or two tenths, or any number up to all of it.
    ///
    /// - Throws: `CancellationError`.
    public func delay(upTo longest: Duration) async throws {
        try await time.sleep(for: longest / 10 * (1 + below(10)))
    }

    /// Goes on at once, lets others go first, or waits for up to ``SimulationPolicy/longestDelay``; and then returns or
    /// fails. A wait may take no notice of cancellation, as real work often does.
    ///
    /// - Throws: ``InjectedFailure`` or `CancellationError`.
    public func hazard() async throws {
        let hazard = guarded.withLock { $0.schedule.hazard() }
        if let tenths = hazard.delay {
            if tenths == 0 {
                await pause()
            } else if hazard.isStubborn {
                let time = time, delay = policy.longestDelay / 10 * tenths
                _ = await start("stubborn wait", cancellable: false) { try await time.sleep(for: delay) }
                    .result
            } else {
                try await time.sleep(for: policy.longestDelay / 10 * tenths)
            }
        }
        guard hazard.fails else { return }
        throw InjectedFailure(
            number: guarded.withLock { guarded in
                guarded.failures += 1
                return guarded.failures
            })
    }

    /// Waits until everyone else has ended or waits for something that does not come.
    public func untilIdle() async {
        await withCheckedContinuation { continuation in
            guarded.withLock { $0.idle.append(continuation) }
        }
    }

    // MARK: What must hold

    /// Ends the run as ``SimulationFailure/Reason/broken(_:)`` if `holds` is false.
    public func expect(_ holds: Bool, _ what: @autoclosure () -> String) {
        guard !holds else { return }
        let what = what()
        guarded.withLock { $0.broken = $0.broken ?? what }
    }

    /// Keeps a line for the account of a failure.
    public func note(_ line: @autoclosure () -> String) {
        let line = "\(clock.now.sinceOrigin): \(line())"
        guarded.withLock { guarded in
            if guarded.log.count == Self.longestLog { guarded.log.removeFirst() }
            guarded.log.append(line)
        }
    }
}
