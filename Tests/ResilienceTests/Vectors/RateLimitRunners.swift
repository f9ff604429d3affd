@testable import Resilience

/// Plays rate limiter vectors on the state machine.
struct RateLimiterRunner: PatternRunner {
    private var machine: RateLimiter.StateMachine
    private var policy: RateLimitPolicy
    /// How long a call waits that does not say.
    private let usualWait: Duration?
    private var now: Int64 = 0

    init(_ config: Fields) throws {
        policy = RateLimitPolicy(algorithm: .cycles)
        let type = try config.required("type")
        switch try type.text() {
        case "smooth":
            policy.permits = 1
            policy.period = try config.required("interval_ms").duration()
        case "bursty", "fixed_cycle":
            policy.permits = try config.required("permits").int()
            policy.period = try config.required("period_ms").duration()
        default: throw type.unknown
        }
        usualWait = try config.duration("timeout_ms")
        // Which fields are in nanoseconds is in their names.
        if let unit = config["unit"], try unit.text() != "ns inside" { throw unit.unknown }
        machine = RateLimiter.StateMachine(policy)
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "advance": now += try step.required("ms").duration().wholeNanoseconds
        case "set_time": now = try step.required("ms").duration().wholeNanoseconds
        case "reserve":
            let most = try step.duration("max_wait_ms") ?? usualWait ?? .unbounded
            let wait = reserve(try step.int("permits") ?? 1, upTo: most)
            seen["wait_ms"] = .number(wait.map { Double($0) / 1e6 } ?? -1)
            seen["allowed"] = .bool(wait != nil)
        case "reserve_series":
            let waits = try step.required("at_ns").list().map { moment -> JSON in
                now = Int64(try moment.int())
                return .number(reserve(1, upTo: usualWait ?? .unbounded).map { Double($0) } ?? -1)
            }
            seen["waits_ns"] = .list(waits)
        case "try": seen["allowed"] = .bool(reserve(1, upTo: usualWait ?? .zero) != nil)
        case "change_limit":
            policy.permits = try step.required("permits").int()
            machine.reconfigure(policy, at: now)
        default: throw Unsupported("\(step.path).op: unknown")
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
            "available": JSON(machine.available),
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

    init(_ config: Fields) throws {
        var policy = try Self.policy(config.required("rate_per_s"))
        policy.initial = try config.int("initial")
        now = (try config.duration("start_ms") ?? .zero).wholeNanoseconds
        machine = RateLimiter.StateMachine(policy, at: now)
    }

    /// A bucket holds what one second brings, and one token at least.
    private static func policy(_ field: Fields) throws -> RateLimitPolicy {
        let rate = try field.number()
        guard (0.001...1_000_000).contains(rate) else { throw field.wrong("a rate") }
        return RateLimitPolicy(
            permits: Int((rate * 1000).rounded()), per: .seconds(1000), capacity: max(1, Int(rate)))
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "set_time": now = try step.required("ms").duration().wholeNanoseconds
        case "try": seen["allowed"] = .bool(machine.acquire(try step.int("permits") ?? 1, at: now))
        case "set_rate":
            machine.reconfigure(try Self.policy(step.required("rate_per_s")), at: now)
        default: throw Unsupported("\(step.path).op: unknown")
        }
        machine.bringUp(to: now)
        seen["capacity"] = JSON(machine.plan.capacity)
        seen["tokens"] = .number(machine.tokens)
        return seen
    }
}
