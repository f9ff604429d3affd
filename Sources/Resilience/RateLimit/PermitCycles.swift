/// The arithmetic of permits that all come back at the beginning of each period.
///
/// resilience4j's AtomicRateLimiter. Unlike failsafe-go's bursty limiter it never holds more than one period's permits
/// after a debt was paid.
struct PermitCycles: Sendable {
    /// The permits of this period that are left; below zero when permits of later periods are promised.
    private(set) var available: Int
    /// The number of the period that `available` is about.
    private(set) var cycle: Int64
    /// Where it ends: until then nothing needs to be computed.
    private var end: Int64
    /// Where the first period began.
    private let begin: Int64

    init(holding permits: Int, _ plan: RateLimiter.Plan, at now: Int64) {
        available = min(max(permits, -Int.max / 2), plan.permits)
        begin = now
        cycle = 0
        end = now.saturatingSum(plan.period)
    }

    mutating func refresh(_ plan: RateLimiter.Plan, to now: Int64) {
        guard now >= end else { return }
        let current = (now &- begin) / plan.period
        let gained = (current &- cycle).saturatingProduct(Int64(plan.permits))
        available = min(plan.permits, Int(Int64(available).saturatingSum(gained)))
        cycle = current
        end = beginning(of: cycle &+ 1, plan)
    }

    /// When as many permits are there, those promised aside; nil for never.
    ///
    /// More than one period's permits are spread over as many periods as they need; the request passes in the last.
    func due(_ permits: Int, _ plan: RateLimiter.Plan, at now: Int64) -> Int64? {
        if available >= permits { return now }
        let (deficit, overflow) = permits.subtractingReportingOverflow(available)
        guard !overflow else { return nil }
        let periods = Int64((deficit &- 1) / plan.permits &+ 1)
        let due = beginning(of: cycle.saturatingSum(periods), plan)
        return due &- now <= RateLimiter.Plan.longest ? due : nil
    }

    mutating func take(_ permits: Int) { available &-= permits }

    mutating func giveBack(_ permits: Int) { available &+= permits }

    /// Goes on under another plan, which says what the next period brings; fewer permits count at once. What is
    /// promised lasts for as many periods as before, or fewer.
    mutating func convert(from old: RateLimiter.Plan, to new: RateLimiter.Plan, at now: Int64) {
        if available >= 0 {
            available = min(available, new.permits)
        } else {
            let debt = 0 - max(available, -Int.max)
            let periods = Int64((debt &- 1) / old.permits &+ 1)
            available = -Int(min(Int64(debt), periods.saturatingProduct(Int64(new.permits))))
        }
        cycle = max(0, now &- begin) / new.period
        end = beginning(of: cycle &+ 1, new)
    }

    private func beginning(of cycle: Int64, _ plan: RateLimiter.Plan) -> Int64 {
        begin.saturatingSum(cycle.saturatingProduct(plan.period))
    }
}
