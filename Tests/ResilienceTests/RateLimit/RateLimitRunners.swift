@testable import Resilience

/// Plays rate limiter vectors on the state machine.
struct RateLimiterRunner: PatternRunner {
    private var machine: RateLimiter.StateMachine
    private var policy: RateLimitPolicy
    /// How long a call waits that does not say.
    private let usualWait: Duration?
    private var now: Int64 = 0

    init(_ config: JSON) throws {
        policy = RateLimitPolicy(algorithm: .cycles)
        switch config["type"]?.string {
        case "smooth":
            policy.permits = 1
            policy.period = config["interval_ms"]?.milliseconds ?? .seconds(1)
        case "bursty", "fixed_cycle":
            policy.permits = config["permits"]?.int ?? 1
            policy.period = config["period_ms"]?.milliseconds ?? .seconds(1)
        default: throw Unsupported("type \(config["type"] ?? .null)")
        }
        usualWait = config["timeout_ms"]?.milliseconds
        machine = RateLimiter.StateMachine(policy)
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "advance": now += (step["ms"]?.milliseconds ?? .zero).wholeNanoseconds
        case "set_time": now = (step["ms"]?.milliseconds ?? .zero).wholeNanoseconds
        case "reserve":
            let wait = reserve(
                step["permits"]?.int ?? 1, upTo: step["max_wait_ms"]?.milliseconds ?? usualWait ?? .unbounded)
            seen["wait_ms"] = .number(wait.map { Double($0) / 1e6 } ?? -1)
            seen["allowed"] = .bool(wait != nil)
        case "reserve_series":
            let waits = (step["at_ns"]?.list ?? []).map { moment -> JSON in
                now = Int64(moment.number ?? 0)
                return .number(reserve(1, upTo: usualWait ?? .unbounded).map { Double($0) } ?? -1)
            }
            seen["waits_ns"] = .list(waits)
        case "try": seen["allowed"] = .bool(reserve(1, upTo: usualWait ?? .zero) != nil)
        case "change_limit":
            policy.permits = step["permits"]?.int ?? policy.permits
            machine.reconfigure(policy, at: now)
        default: throw Unsupported("operation \(op)")
        }
        return seen.merging(shown()) { own, _ in own }
    }

    private mutating func reserve(_ permits: Int, upTo limit: Duration) -> Int64? {
        machine.reserve(permits, upTo: limit.wholeNanoseconds, at: now)
    }

    private mutating func shown() -> [String: JSON] {
        let wait = machine.wait(for: 1, at: now)
        // The first period in which a permit is left, when this one has none.
        let period = machine.plan.period, permits = Int64(machine.plan.permits)
        let debt = Int64(max(0, -machine.available))
        let nextFree = (machine.cycle + (machine.available > 0 ? 0 : debt / permits + 1)) * period
        return [
            "available": .number(Double(machine.available)),
            "period": .number(Double(machine.cycle)),
            "nanos_to_wait_ms": .number(wait.map { Double($0) / 1e6 } ?? -1),
            "next_free_ms": .number(Double(nextFree) / 1e6),
        ]
    }
}

/// Plays token bucket vectors on the state machine.
struct TokenBucketRunner: PatternRunner {
    private var machine: RateLimiter.StateMachine
    private var now: Int64

    init(_ config: JSON) throws {
        var policy = Self.policy(config["rate_per_s"]?.number ?? 1)
        policy.initial = config["initial"]?.int
        now = (config["start_ms"]?.milliseconds ?? .zero).wholeNanoseconds
        machine = RateLimiter.StateMachine(policy, at: now)
    }

    /// A bucket holds what one second brings, and one token at least.
    private static func policy(_ rate: Double) -> RateLimitPolicy {
        RateLimitPolicy(
            permits: Int((rate * 1000).rounded()), per: .seconds(1000), capacity: max(1, Int(rate)))
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "set_time": now = (step["ms"]?.milliseconds ?? .zero).wholeNanoseconds
        case "try": seen["allowed"] = .bool(machine.acquire(step["permits"]?.int ?? 1, at: now))
        case "set_rate": machine.reconfigure(Self.policy(step["rate_per_s"]?.number ?? 1), at: now)
        default: throw Unsupported("operation \(op)")
        }
        machine.bringUp(to: now)
        seen["capacity"] = .number(Double(machine.plan.capacity))
        seen["tokens"] = .number(machine.tokens)
        return seen
    }
}
