internal import Resilience

/// Decides what happens next in a simulation; no clock, lock, task or callback.
struct Schedule: Sendable {
    /// What happens next.
    enum Turn: Sendable, Hashable {
        /// The job at this place runs.
        case job(Int)
        /// Time goes on to the next sleeper.
        case time
        /// The call at this place is cancelled.
        case cancel(Int)
    }

    /// Which of the jobs are preferred in this run.
    enum Taste: Sendable, Hashable, CaseIterable {
        case none, oldest, newest
    }

    /// What happens at a ``Simulation/hazard()``.
    struct Hazard: Sendable, Hashable {
        /// Tenths of the longest delay; nil for no suspension at all.
        var delay: Int?
        var isStubborn: Bool
        var fails: Bool
    }

    private var chance: Chance
    private let taste: Taste
    private let late, cancelled, failing, stubborn: Double

    init(seed: UInt64, _ policy: SimulationPolicy) {
        var chance = Chance(seed: seed)
        func share(_ most: Double) -> Double {
            let drawn = chance.unit()
            return drawn < 0.25 ? 0 : (drawn - 0.25) / 0.75 * most
        }
        late = share(policy.late)
        cancelled = share(policy.cancelled)
        failing = share(policy.failing)
        stubborn = share(policy.stubborn)
        taste = Taste.allCases[chance.below(Taste.allCases.count)]
        self.chance = chance
    }

    /// What happens next, given how many jobs could run, how many calls may be cancelled, and whether anyone sleeps.
    ///
    /// - Returns: Nil if nothing can happen.
    mutating func next(jobs: Int, calls: Int, sleepers: Bool) -> Turn? {
        guard jobs > 0 else { return sleepers ? .time : nil }
        let drawn = chance.unit()
        if calls > 0, drawn < cancelled { return .cancel(chance.below(calls)) }
        if sleepers, drawn >= 1 - late { return .time }
        return .job(place(among: jobs))
    }

    private mutating func place(among jobs: Int) -> Int {
        guard jobs > 1 else { return 0 }
        let picks = taste != .none && chance.unit() < 0.7
        if picks { return taste == .oldest ? 0 : jobs - 1 }
        return chance.below(jobs)
    }

    mutating func hazard() -> Hazard {
        let kind = chance.unit()
        let delay: Int? = kind < 0.2 ? nil : kind < 0.4 ? 0 : 1 + chance.below(10)
        return Hazard(delay: delay, isStubborn: chance.unit() < stubborn, fails: chance.unit() < failing)
    }

    /// A number in 0 ..< `bound`.
    mutating func below(_ bound: Int) -> Int { chance.below(bound) }

    /// A generator of its own for someone in the simulation.
    mutating func split() -> Chance { Chance(seed: chance.next()) }
}

extension Chance {
    /// A number in 0 ..< `bound`; 0 if that is empty.
    mutating func below(_ bound: Int) -> Int {
        bound > 1 ? Int(next() % UInt64(bound)) : 0
    }
}
