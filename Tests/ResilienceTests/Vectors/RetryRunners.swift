@testable import Resilience

/// Plays backoff vectors on the series of delays.
struct BackoffRunner: PatternRunner {
    private let config: JSON
    private let attemptBase: Int

    init(_ config: JSON) throws {
        self.config = config
        attemptBase = config["attempt_base"]?.int ?? 0
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        switch op {
        case "delay":
            let delays = try kinds().map { growth in
                var series = Backoff.Series(
                    try backoff(
                        growth, maximum: step["max_ms"]?.milliseconds,
                        throttled: step["throttled"] == .bool(true)))
                let attempt = (step["attempt"]?.int ?? 0) - attemptBase
                let computed = series.delay(attempt: attempt, random: step["random"]?.number ?? 0.5)
                return try wait(computed, asked: step["retry_after_ms"]?.milliseconds)
            }
            // A vector of type "any" must hold for every type.
            return Set(delays).count == 1
                ? ["delay_ms": shown(delays[0]), "min_delay_ms": shown(delays[0])] : [:]
        case "delays":
            var chance = Chance(seed: 7), delays: [Duration] = []
            if let attempts = step["attempts"]?.list {
                for attempt in attempts.compactMap(\.int) {
                    var series = Backoff.Series(try backoff(try kinds()[0]))
                    delays.append(series.delay(attempt: attempt - attemptBase, random: chance.unit()))
                }
            } else {
                guard
                    let last = step["attempts"]?.string?.split(separator: ".").last?.split(separator: " ")
                        .first,
                    let count = Int(last)
                else { throw Unsupported("attempts \(step["attempts"] ?? .null)") }
                var series = Backoff.Series(try backoff(try kinds()[0]))
                delays = (0...count).map { _ in series.next(random: chance.unit()) }
            }
            return [
                "all_between": .list(delays.map(shown)), "delays_ms": .list(delays.map(shown)),
                "min_delay_ms": delays.min().map(shown) ?? .null,
            ]
        case "run":
            let policy = RetryPolicy(
                maximumAttempts: config["max_retries"]?.int.map { $0 + 1 },
                backoff: try backoff(try kinds()[0]))
            var run = RetryRun(policy: policy)
            try run.play(step, handles: { _ in true })
            return run.shown
        default: throw Unsupported("operation \(op)")
        }
    }

    private func wait(_ computed: Duration, asked: Duration?) throws -> Duration {
        guard let asked, let clamp = config["retry_after_clamp_ms"]?.milliseconds else {
            return asked.map { max($0, computed) } ?? computed
        }
        var machine = Retry.StateMachine(
            RetryPolicy(maximumAttempts: nil, retryAfter: .clamped(clamp)), startedAt: Instant())
        guard
            case .retry(let wait, _) = machine.next(
                retryAfter: asked, delay: computed, random: 0, at: Instant())
        else {
            throw Unsupported("a clamped wish that stops")
        }
        return wait
    }

    private func kinds() throws -> [Backoff.Growth] {
        let multiplier = config["multiplier"]?.number ?? 2
        switch config["type"]?.string {
        case "constant", "fixed": return [.constant]
        case "linear": return [.linear]
        case "exponential", "aws": return [.exponential(multiplier: multiplier)]
        case "decorrelated": return [.constant]
        case "random": return [.random]
        case "any": return [.constant, .linear, .exponential(multiplier: multiplier)]
        default: throw Unsupported("backoff type \(config["type"] ?? .null)")
        }
    }

    private func backoff(_ growth: Backoff.Growth, maximum: Duration? = nil, throttled: Bool = false) throws
        -> Backoff
    {
        let base = (throttled ? config["throttle_base_ms"] : nil) ?? config["base_ms"]
        return Backoff(
            base: base?.milliseconds ?? .zero, growth: growth, jitter: try jitter(),
            minimum: config["min_ms"]?.milliseconds ?? .zero,
            maximum: maximum ?? config["max_ms"]?.milliseconds ?? .unbounded)
    }

    private func jitter() throws -> Backoff.Jitter {
        if config["type"]?.string == "decorrelated" { return .decorrelated }
        switch config["jitter"] {
        case nil, .bool(false)?: return config["jitter_ms"]?.milliseconds.map { .absolute($0) } ?? .none
        case .string("none")?: return .none
        case .string("full")?: return .full
        case .string("half")?, .string("equal")?: return .half
        case .string("polly")?: return .proportional(0.25)
        case .string("grpc")?: return .proportional(0.2)
        case .string("absolute")?: return .absolute(config["jitter_ms"]?.milliseconds ?? .zero)
        case .string("decorrelated")?: return .decorrelated
        case .string("decorrelated_v2")?: return .decorrelatedSmooth
        case .number(let share)?: return .proportional(share)
        default: throw Unsupported("jitter \(config["jitter"] ?? .null)")
        }
    }

    private func shown(_ delay: Duration) -> JSON {
        delay == .unbounded ? .string("max_duration") : .number(delay.milliseconds)
    }
}

/// Plays the outcomes of one call through the retry's decisions.
struct RetryRun {
    let policy: RetryPolicy
    var generator: [Duration] = []
    private(set) var shown: [String: JSON] = [:]

    init(policy: RetryPolicy, generator: [Duration] = []) {
        self.policy = policy
        self.generator = generator
    }

    mutating func play(_ step: JSON, handles: (String) -> Bool) throws {
        let outcomes = (step["outcomes"]?.list ?? []).compactMap(\.string)
        let durations = (step["durations_ms"]?.list ?? []).compactMap(\.milliseconds)
        var now = Instant(), machine = Retry.StateMachine(policy, startedAt: now)
        var executions = 0, delays: [Duration] = [], result = "", cancelled = false, retries = 0
        execution: while executions < outcomes.count {
            result = outcomes[executions]
            if executions < durations.count { now = now.advanced(by: durations[executions]) }
            executions += 1
            if step["cancel"]?["after_execution"]?.int == executions || step["cancel"]?.int == executions - 1
            {
                cancelled = true
            }
            guard handles(result), !cancelled else { break }
            let delay = retries < generator.count ? generator[retries] : nil
            switch machine.next(delay: delay, random: 0.5, at: now) {
            case .stop(let reason):
                if reason != .attempts { result = "retries_exceeded" }
                break execution
            case .retry(let wait, _):
                retries += 1
                delays.append(wait)
                now = now.advanced(by: wait)
            }
        }
        shown = [
            "executions": .number(Double(executions)),
            "retries": .number(Double(retries)),
            "on_retry_called": .number(Double(retries)),
            "attempts": .list((0..<retries).map { .number(Double($0)) }),
            "delays_ms": .list(delays.map { .number($0.milliseconds) }),
            "timers": .number(Double(delays.count { $0 > .zero })),
            "disposed": .number(Double(retries)),
            "result": .string(result),
        ]
    }
}

/// Plays retry vectors on the retry's decisions.
struct RetryRunner: PatternRunner {
    private let config: JSON

    init(_ config: JSON) throws {
        self.config = config
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        guard op == "run" else { throw Unsupported("operation \(op)") }
        let growth: Backoff.Growth =
            switch config["backoff"]?.string {
            case nil, "constant": .constant
            case "linear": .linear
            case "exponential": .exponential()
            default: throw Unsupported("backoff \(config["backoff"] ?? .null)")
            }
        let backoff = Backoff(
            base: config["delay_ms"]?.milliseconds ?? .zero, growth: growth, jitter: .none,
            maximum: .unbounded)
        let policy = RetryPolicy(
            maximumAttempts: config["max_retries"]?.int.map { $0 + 1 }, backoff: backoff,
            maximumDuration: config["max_duration_ms"]?.milliseconds)
        var run = RetryRun(
            policy: policy, generator: (config["generator_ms"]?.list ?? []).compactMap(\.milliseconds))
        let handled = config["handle"]?.list?.compactMap(\.string)
        try run.play(step) { outcome in
            if let handled { return handled.contains(outcome) }
            return config["handle"]?.string == "all results" || outcome != "success"
        }
        return run.shown
    }
}

/// Plays retry budget vectors of the token form.
struct RetryBudgetRunner: PatternRunner {
    private var machine: RetryBudget.StateMachine
    private var now = Instant()

    init(_ config: JSON) throws {
        machine = RetryBudget.StateMachine(
            RetryBudget.Policy(
                ratio: config["ratio"]?.number ?? 0.2, minimumPerSecond: config["min_per_sec"]?.int ?? 0,
                timeToLive: config["ttl_ms"]?.milliseconds ?? .seconds(10)))
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        switch op {
        case "deposit": machine.deposit(at: now)
        case "advance": now = now.advanced(by: step["ms"]?.milliseconds ?? .zero)
        case "withdraw": return ["allowed": .bool(machine.withdraw(at: now))]
        default: throw Unsupported("operation \(op) of a token budget")
        }
        return [:]
    }
}
