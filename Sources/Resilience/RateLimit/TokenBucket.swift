/// The arithmetic of a token bucket that refills continuously; exact, in integers.
///
/// The level is counted in parts of a token: one token is as many parts as its period has nanoseconds, and each
/// nanosecond brings as many parts as the period has permits. So nothing is ever rounded. Below zero it says how much
/// is promised.
struct TokenBucket: Sendable {
    private var level: Int128
    private var updated: Int64

    init(holding permits: Int, _ plan: RateLimiter.Plan, at now: Int64) {
        level = Int128(min(permits, plan.capacity)) &* Int128(plan.period)
        updated = now
    }

    /// The whole tokens; below zero when tokens are promised.
    func available(_ plan: RateLimiter.Plan) -> Int {
        let (whole, rest) = level.quotientAndRemainder(dividingBy: Int128(plan.period))
        return Int(clamping: rest < 0 ? whole - 1 : whole)
    }

    /// The tokens and the part of the next one.
    func tokens(_ plan: RateLimiter.Plan) -> Double { Double(level) / Double(plan.period) }

    mutating func refill(_ plan: RateLimiter.Plan, to now: Int64) {
        let elapsed = now &- updated
        guard elapsed > 0 else { return }
        updated = now
        // At most 2^63 nanoseconds times 2^30 permits: far from 2^127.
        level = min(
            level &+ Int128(elapsed) &* Int128(plan.permits), Int128(plan.capacity) &* Int128(plan.period))
    }

    /// Takes tokens that are there.
    mutating func takeNow(_ permits: Int, _ plan: RateLimiter.Plan) -> Bool {
        let cost = Int128(permits) &* Int128(plan.period)
        guard level >= cost else { return false }
        level &-= cost
        return true
    }

    /// When as many tokens are there, those promised aside; nil for never.
    func due(_ permits: Int, _ plan: RateLimiter.Plan, at now: Int64) -> Int64? {
        guard permits <= plan.capacity else { return nil }
        let lacking = Int128(permits) &* Int128(plan.period) &- level
        guard lacking > 0 else { return now }
        let rate = Int128(plan.permits)
        let wait = (lacking &+ rate &- 1) / rate
        return wait <= Int128(RateLimiter.Plan.longest) ? now.saturatingSum(Int64(clamping: wait)) : nil
    }

    /// Takes tokens, promised ones too.
    mutating func take(_ permits: Int, _ plan: RateLimiter.Plan) {
        level &-= Int128(permits) &* Int128(plan.period)
    }

    mutating func giveBack(_ permits: Int, _ plan: RateLimiter.Plan) {
        level &+= Int128(permits) &* Int128(plan.period)
    }

    /// Goes on under another plan: tokens that are there stay, up to the new capacity, and what is promised keeps its
    /// time, so that after a lowering nobody waits longer for promises that were made at the faster rate.
    mutating func convert(from old: RateLimiter.Plan, to new: RateLimiter.Plan) {
        if level >= 0 {
            let (whole, rest) = level.quotientAndRemainder(dividingBy: Int128(old.period))
            let kept = whole &* Int128(new.period) &+ rest &* Int128(new.period) / Int128(old.period)
            level = min(kept, Int128(new.capacity) &* Int128(new.period))
        } else {
            let rate = Int128(old.permits), time = (rate &- 1 &- level) / rate
            level = 0 &- time &* Int128(new.permits)
        }
    }
}
