@testable import Resilience

/// What the settings of a circuit breaker vector mean to ours.
enum CircuitBreakerSettings {
    static func policy(_ config: Fields) throws -> CircuitBreakerPolicy {
        var policy = CircuitBreakerPolicy()
        policy.minimumCalls = try config.int("minimum_calls") ?? 1
        policy.failureRate = try config.number("failure_rate")
        // A strict threshold is the next larger number; of all calls there are no more.
        if try config.bool("failure_rate_exclusive") == true {
            policy.failureRate = policy.failureRate.flatMap { $0 < 1 ? $0.nextUp : nil }
        }
        policy.slowCallRate = try config.number("slow_call_rate")
        policy.slowCallDuration = try config.duration("slow_call_ms")
        policy.probeLease = nil
        policy.maximumHalfOpen = nil
        try setWindow(&policy, config)
        if let trip = config["trip"] {
            policy.consecutiveFailures = try trip.int("consecutive_failures")
            policy.failureRate = try trip.number("failure_rate")
            policy.minimumCalls = try trip.int("minimum_calls") ?? 1
        }
        policy.open = try openTime(config)
        try setVerdict(&policy, config)
        try checkCancelledProbe(config)
        return policy
    }

    private static func setWindow(_ policy: inout CircuitBreakerPolicy, _ config: Fields) throws {
        let window = config["window"], threshold = config["failure_threshold"]
        let failures = try threshold?.int("failures"), of = try threshold?.int("of")
        policy.failureCount = failures
        switch try window?.text("type") {
        case "time", nil: try setTimeWindow(&policy, window, config)
        case "count": policy.window = .calls(try window?.int("size") ?? of ?? failures ?? 1)
        case "interval": policy.window = .interval(try window?.duration("reset_every_ms"))
        case "consecutive":
            policy.window = .calls(1)
            policy.consecutiveFailures = try window?.required("failures").int()
        case _?: throw try (window ?? config).required("type").unknown
        }
    }

    private static func setTimeWindow(
        _ policy: inout CircuitBreakerPolicy, _ window: Fields?, _ config: Fields
    ) throws {
        let length = try window?.duration("duration_ms") ?? .seconds(30)
        var slices = try window?.int("buckets")
        if let slice = try window?.duration("bucket_ms"), slice > .zero { slices = Int(length / slice) }
        policy.window = .time(length, slices: slices ?? 10, aligned: try window?.bool("aligned") ?? false)
        if let rate = try config.number("minimum_rps") {
            policy.minimumCalls = max(1, Int((length / .seconds(1) * rate).rounded(.up)))
        }
    }

    // MARK: Open

    private static func openTime(_ config: Fields) throws -> CircuitBreakerPolicy.OpenTime {
        var open = CircuitBreakerPolicy.OpenTime(
            first: .seconds(60), multiplier: 1, maximum: .unbounded, jitter: 0, decay: nil)
        if let field = config["open_ms"] {
            if field.isList {
                open.steps = try field.list().map { try $0.duration() }
            } else if field.isText, try field.text() == "attempt" {
                open.steps = (1...100).map { .milliseconds($0) }
            } else {
                open.first = try field.duration()
            }
        }
        if let backoff = config["open_backoff"] {
            open.first = try backoff.duration("initial_ms") ?? open.first
            open.multiplier = try backoff.number("multiplier") ?? 1
        }
        if let field = config["open_generator_ms"] { open.steps = try generated(field) }
        // Our boundary is inclusive; a source whose boundary is exclusive opens for a moment longer.
        switch try config.text("open_boundary") {
        case "at", nil: break
        case "after":
            open.first += .nanoseconds(1)
            open.steps = open.steps.map { $0 + .nanoseconds(1) }
        case _?: throw try config.required("open_boundary").unknown
        }
        return open
    }

    private static func generated(_ field: Fields) throws -> [Duration] {
        if field.isList { return try field.list().map { try $0.duration() } }
        guard field.isText else { return [try field.duration()] }
        let words = try field.text().split(separator: " ")
        guard words.count == 2, words[1] == "always", let milliseconds = Int64(words[0]) else {
            throw field.unknown
        }
        return [.milliseconds(milliseconds)]
    }

    // MARK: Half-open

    private static func setVerdict(_ policy: inout CircuitBreakerPolicy, _ config: Fields) throws {
        let halfOpen = config["half_open"]
        policy.maximumHalfOpen = try halfOpen?.duration("max_wait_ms")
        switch try halfOpen?.text("mode") {
        case "single": policy.verdict = .consecutiveSuccesses(1)
        case "rate":
            let permits = try halfOpen?.int("permits") ?? 10
            if let field = halfOpen?["minimum_calls"], try field.int() != permits {
                throw field.wrong("the number of permits, all of whose results are waited for")
            }
            policy.verdict = .rate(calls: permits)
        case "consecutive": policy.verdict = .consecutiveSuccesses(try halfOpen?.int("max_requests") ?? 1)
        case "sample":
            policy.verdict = .tolerance(
                try halfOpen?.number("threshold") ?? 0, calls: try halfOpen?.int("calls") ?? 1)
        case "ratio", nil:
            // The rule for successes goes before those for failures.
            let fields = [
                halfOpen?["success_threshold"], halfOpen?["failure_threshold"], config["failure_threshold"],
            ]
            let ratios = try fields.map { try ratio($0) }
            policy.verdict = ratios.compactMap(\.self).first ?? .consecutiveSuccesses(1)
        case _?: throw try (halfOpen ?? config).required("mode").unknown
        }
    }

    private static func ratio(_ threshold: Fields?) throws -> CircuitBreakerPolicy.Verdict? {
        guard let threshold else { return nil }
        let successes = try threshold.int("successes"), failures = try threshold.int("failures")
        let of = try threshold.int("of") ?? successes ?? failures ?? 1
        if let successes { return .successes(successes, of: of) }
        return failures.map { .successes(of - $0 + 1, of: of) }
    }

    /// A cancelled probe gives its place back, whatever a source does: those that close are told apart by their
    /// expectations.
    private static func checkCancelledProbe(_ config: Fields) throws {
        guard let field = config["cancelled_probe"] else { return }
        guard ["close", "release", "half_open"].contains(try field.text()) else { throw field.unknown }
    }
}
