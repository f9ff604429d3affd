/// The decisions about leaving out targets that fail; no clock, lock, task or callback.
///
/// Source: Envoy, outlier detection (consecutive failures and success rate). What we do differently: nothing sweeps in
/// the background, so an ejection ends at its time and not at the next sweep; and the last target is never ejected.
struct OutlierEjection: Sendable {
    private struct Health: Sendable {
        var consecutive = 0
        /// Of the current interval.
        var calls = 0
        var failures = 0
        /// Ejections that were not forgiven yet, as of `returned`.
        var ejections = 0
        var returned: Int64 = 0
        /// The end of the ejection; nil while the target takes part.
        var until: Int64?
    }

    /// What happened to a target, by its slot.
    enum Change: Sendable, Hashable {
        /// It is left out for so many nanoseconds.
        case ejected(Int, for: Int64, because: LoadBalancerEvent.Cause)
        case returned(Int)
    }

    private let policy: OutlierEjectionPolicy
    private let interval: Int64
    private var chance: Chance
    private var healths: [Health]
    private var sweepAt: Int64
    /// The earliest end of an ejection.
    private var nextReturn = Int64.max
    /// The targets that are left out.
    private(set) var ejected = 0
    /// Whether ``changes`` are kept.
    var isWatched = false
    /// What happened and was not taken yet.
    private(set) var changes: [Change] = []

    init(_ policy: OutlierEjectionPolicy, targets: Int, chance: Chance, at now: Int64) {
        self.policy = policy
        self.chance = chance
        interval = max(1, policy.interval.wholeNanoseconds)
        healths = Array(repeating: Health(), count: max(0, targets))
        sweepAt = now.saturatingSum(interval)
    }

    /// Whether a target is left out, as of the last ``advance(to:)``.
    func isEjected(_ slot: Int) -> Bool { healths[slot].until != nil }

    /// The nanoseconds until a target takes part again; zero if it does.
    func remaining(_ slot: Int, at now: Int64) -> Int64 { healths[slot].until.map { max(0, $0 &- now) } ?? 0 }

    /// Lets targets come back whose time is over, and compares success rates when an interval has ended.
    mutating func advance(to now: Int64) {
        if now >= nextReturn { comeBack(at: now) }
        if now >= sweepAt { sweep(at: now) }
    }

    /// Counts the result of a call.
    mutating func record(failed: Bool, of slot: Int, at now: Int64) {
        advance(to: now)
        // What an ejected target still answers was asked before.
        guard healths[slot].until == nil else { return }
        healths[slot].calls &+= 1
        if failed {
            healths[slot].failures &+= 1
            healths[slot].consecutive &+= 1
            if let most = policy.consecutiveFailures, healths[slot].consecutive >= max(1, most) {
                eject(slot, because: .consecutiveFailures, at: now)
            }
        } else {
            healths[slot].consecutive = 0
        }
    }

    /// What happened since the last time.
    mutating func takeChanges() -> [Change] {
        defer { changes = [] }
        return changes
    }

    /// Goes on with other targets: each is a slot of before, or nil for a new one.
    mutating func rearrange(_ slots: [Int?]) {
        healths = slots.map { $0.map { healths[$0] } ?? Health() }
        ejected = healths.count { $0.until != nil }
        while ejected > allowed, let first = firstToReturn {
            let end = healths[first].until ?? 0
            release(first, at: end)
        }
        findNextReturn()
    }

    // MARK: Out and in

    /// The targets that may be left out at a time.
    private var allowed: Int {
        guard policy.maximumShare > 0 else { return 0 }
        let share = Int(Double(healths.count) * min(policy.maximumShare, 1) + 1e-9)
        return max(0, min(max(1, share), healths.count - 1))
    }

    private mutating func eject(_ slot: Int, because cause: LoadBalancerEvent.Cause, at now: Int64) {
        guard ejected < allowed else { return }
        var health = healths[slot]
        let forgiven = max(0, now &- health.returned) / interval
        health.ejections = max(0, health.ejections - Int(clamping: forgiven)) + 1
        let time = min(policy.base.saturating(times: Double(health.ejections)), policy.maximum)
        let jitter = policy.jitter.saturating(times: chance.unit())
        let until = now.saturatingSum(max(1, time.wholeNanoseconds)).saturatingSum(jitter.wholeNanoseconds)
        health.until = until
        (health.consecutive, health.calls, health.failures) = (0, 0, 0)
        healths[slot] = health
        ejected += 1
        nextReturn = min(nextReturn, until)
        if isWatched { changes.append(.ejected(slot, for: until &- now, because: cause)) }
    }

    private mutating func release(_ slot: Int, at moment: Int64) {
        healths[slot].until = nil
        healths[slot].returned = moment
        ejected -= 1
        if isWatched { changes.append(.returned(slot)) }
    }

    private mutating func comeBack(at now: Int64) {
        for slot in healths.indices {
            if let until = healths[slot].until, now >= until { release(slot, at: until) }
        }
        findNextReturn()
    }

    private mutating func findNextReturn() {
        nextReturn = healths.reduce(Int64.max) { min($0, $1.until ?? .max) }
    }

    private var firstToReturn: Int? {
        healths.indices.filter { healths[$0].until != nil }
            .min { (healths[$0].until ?? .max) < (healths[$1].until ?? .max) }
    }

    // MARK: Success rates

    private mutating func sweep(at now: Int64) {
        sweepAt = now.saturatingSum(interval)
        if let deviations = policy.deviations { ejectOutliers(deviations, at: now) }
        for slot in healths.indices { (healths[slot].calls, healths[slot].failures) = (0, 0) }
    }

    private mutating func ejectOutliers(_ deviations: Double, at now: Int64) {
        var rates: [(slot: Int, rate: Double)] = []
        for (slot, health) in healths.enumerated()
        where health.until == nil && health.calls >= max(1, policy.minimumCalls) {
            rates.append((slot, 1 - Double(health.failures) / Double(health.calls)))
        }
        guard rates.count >= max(2, policy.minimumTargets) else { return }
        let count = Double(rates.count)
        let mean = rates.reduce(0) { $0 + $1.rate } / count
        let variance = rates.reduce(0) { $0 + ($1.rate - mean) * ($1.rate - mean) } / count
        // Equal rates must not differ from their mean by rounding.
        let threshold = mean - max(0, deviations) * variance.squareRoot() - 1e-9
        // The worst first, since not all may be ejected.
        for (slot, rate) in rates.sorted(by: { $0.rate < $1.rate }) where rate < threshold {
            eject(slot, because: .successRate, at: now)
        }
    }
}
