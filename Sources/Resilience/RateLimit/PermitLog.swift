/// The permits of the last period and those promised, in the order of their times: the memory of a sliding window.
///
/// A ring that grows when it must and then keeps its size, so that a limiter that has warmed up allocates nothing.
struct PermitLog: Sendable {
    /// Permits that come back together.
    private struct Run: Sendable {
        var first: Int64 = 0
        /// The latest of them, which is when all of them count as taken.
        var last: Int64 = 0
        var permits = 0
    }

    private var ring = [Run](repeating: Run(), count: 16)
    private var head = 0
    private var count = 0
    private var total = 0
    /// The first runs, without the newest, that were not enough for the last one who asked when: where the next scan
    /// begins unless it needs less.
    private var scanned = (runs: 0, permits: 0)

    /// A log in which `taken` permits were taken just now; those above the limit are promised, as many in each period
    /// from now on as it allows.
    init(taken: Int = 0, _ plan: RateLimiter.Plan, at now: Int64) {
        let held = min(taken, plan.permits), promised = taken - held
        if held > 0 { take(held, plan, due: now) }
        guard promised > 0 else { return }
        let periods = Int64((promised - 1) / plan.permits + 1)
        let time = min(periods.saturatingProduct(plan.period), RateLimiter.Plan.longest)
        take(promised, plan, due: now.saturatingSum(time))
    }

    /// The permits that may be taken now; below zero when permits are promised.
    func available(_ plan: RateLimiter.Plan) -> Int { plan.permits &- total }

    /// Forgets what is older than a period.
    mutating func expire(_ plan: RateLimiter.Plan, at now: Int64) {
        while count > 0, now &- ring[head].last >= plan.period {
            total &-= ring[head].permits
            scanned = scanned.runs > 0 ? (scanned.runs &- 1, scanned.permits &- ring[head].permits) : (0, 0)
            head = (head &+ 1) & (ring.count &- 1)
            count &-= 1
        }
    }

    /// When as many permits may be taken, after those promised; nil for never.
    ///
    /// Costs O(1) on average where each asks for a later moment than the one before, as a queue does; else O(runs).
    mutating func due(_ permits: Int, _ plan: RateLimiter.Plan, at now: Int64) -> Int64? {
        guard permits <= plan.permits else { return nil }
        var due = count > 0 ? max(now, ring[place(count &- 1)].last) : now
        let excess = total &+ permits &- plan.permits
        if scanned.permits >= excess { scanned = (0, 0) }
        while excess > 0, scanned.runs < count {
            let run = ring[place(scanned.runs)]
            due = max(due, run.last.saturatingSum(plan.period))
            if scanned.permits &+ run.permits >= excess { break }
            scanned = (scanned.runs &+ 1, scanned.permits &+ run.permits)
        }
        return due &- now <= RateLimiter.Plan.longest ? due : nil
    }

    mutating func take(_ permits: Int, _ plan: RateLimiter.Plan, due: Int64) {
        total &+= permits
        if count > 0 {
            let newest = place(count &- 1)
            if due == ring[newest].last || due &- ring[newest].first < plan.grain {
                ring[newest].permits &+= permits
                ring[newest].last = max(ring[newest].last, due)
                return
            }
        }
        if count == ring.count { grow() }
        ring[place(count)] = Run(first: due, last: due, permits: permits)
        count &+= 1
    }

    /// Takes the latest permits out again.
    mutating func giveBack(_ permits: Int) {
        var left = min(permits, total)
        total &-= left
        while left > 0, count > 0 {
            let newest = place(count &- 1)
            let part = min(left, ring[newest].permits)
            ring[newest].permits &-= part
            left &-= part
            if ring[newest].permits == 0 { count &-= 1 }
        }
        if scanned.runs >= count { scanned = (0, 0) }
    }

    private func place(_ index: Int) -> Int { (head &+ index) & (ring.count &- 1) }

    private mutating func grow() {
        var larger = [Run](repeating: Run(), count: ring.count * 2)
        for index in 0..<count { larger[index] = ring[place(index)] }
        (ring, head) = (larger, 0)
    }
}
