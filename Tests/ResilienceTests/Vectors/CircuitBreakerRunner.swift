@testable import Resilience

/// Plays circuit breaker vectors on the state machine.
struct CircuitBreakerRunner: PatternRunner {
    private typealias Machine = CircuitBreaker.StateMachine
    private var machine: Machine
    private var now: Instant
    private var tickets: [CircuitBreaker.Ticket] = []
    private var named: [String: CircuitBreaker.Ticket] = [:]
    private var ignored = 0
    private var transitions: [CircuitBreaker.Transition] = []
    private let rateNeeds: Int
    private let judgesRates: Bool

    init(_ config: JSON) throws {
        now = Instant(sinceOrigin: config["start_ms"]?.milliseconds ?? .zero)
        let policy = try Self.policy(config)
        machine = Machine(policy, chance: Chance(seed: 1), at: now)
        rateNeeds = config["minimum_calls"]?.int ?? config["trip"]?["minimum_calls"]?.int ?? 0
        judgesRates = policy.failureRate != nil
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "advance": now = now.advanced(by: step["ms"]?.milliseconds ?? .zero)
        case "set_time": now = Instant(sinceOrigin: step["ms"]?.milliseconds ?? .zero)
        case "acquire": if let ticket = admit(&seen) { tickets.append(ticket) }
        case "release":
            if let ticket = tickets.popLast() { note(machine.record(.ignored, of: ticket, at: now)) }
        case "start": named[step["id"]?.string ?? ""] = admit(&seen)
        case "finish":
            guard let ticket = named.removeValue(forKey: step["id"]?.string ?? "") else { break }
            note(machine.record(try outcome(step), of: ticket, at: now))
        case "call":
            guard let ticket = admit(&seen) else { break }
            let took = step["duration_ms"]?.milliseconds ?? .zero
            now = now.advanced(by: took)
            let outcome = try outcome(step)
            if case .failure = outcome { seen["rethrown"] = .bool(true) }
            note(machine.record(outcome, of: ticket, took: took, at: now))
        case "record":
            for (key, outcome) in [("successes", CircuitBreaker.Outcome.success), ("failures", .failure())] {
                for _ in 0..<(step[key]?.int ?? 0) {
                    if let ticket = admit(&seen) { note(machine.record(outcome, of: ticket, at: now)) }
                }
            }
        case "force": try force(step)
        case "isolate": note(machine.isolate(at: now))
        case "dispose": note(machine.release(at: now))
        case "cycle_open_half_open":
            for _ in 0..<(step["times"]?.int ?? 1) {
                note(machine.forceOpen(at: now))
                now = now.advanced(by: machine.remainingOpen(at: now))
                note(machine.advance(at: now))
            }
        case "serialize_restore":
            guard let memory = machine.memory(at: now) else { break }
            machine = Machine(machine.policy, chance: Chance(seed: 2), at: now)
            machine.restore(memory, at: now)
        default: throw Unsupported("operation \(op)")
        }
        return seen.merging(shown()) { own, _ in own }
    }

    private mutating func admit(_ seen: inout [String: JSON]) -> CircuitBreaker.Ticket? {
        let (admission, transition) = machine.admit(at: now)
        note(transition)
        switch admission {
        case .admitted(let ticket):
            seen["permitted"] = .bool(true)
            return ticket
        case .refused(let reason, let wait):
            seen["permitted"] = .bool(false)
            seen["error"] = .string(reason == .probesBusy ? "too_many_requests" : "open")
            seen["retry_after_ms"] = wait.map { .number($0.milliseconds.rounded()) } ?? .null
            return nil
        }
    }

    private mutating func outcome(_ step: JSON) throws -> CircuitBreaker.Outcome {
        switch step["outcome"]?.string {
        case "success": return .success
        case "failure": return .failure()
        case "ignored", "cancelled":
            ignored += 1
            return .ignored
        default: throw Unsupported("outcome \(step["outcome"] ?? .null)")
        }
    }

    private mutating func force(_ step: JSON) throws {
        let transition: CircuitBreaker.Transition? =
            switch step["state"]?.string {
            case "open": machine.forceOpen(for: step["for_ms"]?.milliseconds, at: now)
            case "half_open": machine.forceHalfOpen(at: now)
            case "closed": machine.forceClosed(at: now)
            case "isolated": machine.isolate(at: now)
            case "disabled": machine.disable(at: now)
            default: throw Unsupported("state \(step["state"] ?? .null)")
            }
        note(transition)
    }

    private mutating func note(_ transition: CircuitBreaker.Transition?) {
        if let transition { transitions.append(transition) }
    }

    private mutating func shown() -> [String: JSON] {
        note(machine.advance(at: now))
        let counts = machine.counts
        // gobreaker's interval counts include the calls that were excluded from judgement.
        let calls = counts.calls + counts.ignored
        func rate(_ part: Int) -> JSON {
            if machine.state == .closed, counts.calls < rateNeeds { return .null }
            return .number(counts.calls == 0 ? 0 : Double(part) / Double(counts.calls))
        }
        func times(_ state: CircuitBreaker.State) -> JSON {
            .number(Double(transitions.count { $0.to == state }))
        }
        let openings = transitions.filter { $0.to == .open }.map(\.openings)
        return [
            "state": .string(machine.state.rawValue),
            "calls": .number(Double(calls)),
            "failures": .number(Double(counts.failures)),
            "successes": .number(Double(counts.calls - counts.failures)),
            "slow_calls": .number(Double(counts.slow)),
            "ignored": .number(Double(machine.state == .closed ? counts.ignored : ignored)),
            "failure_rate": rate(counts.failures),
            "slow_call_rate": rate(counts.slow),
            "not_permitted": .number(Double(machine.rejected)),
            "consecutive_failures": .number(Double(machine.consecutiveFailures)),
            "opened": times(.open), "half_opened": times(.halfOpen), "closed": times(.closed),
            "open_attempt": .number(Double(machine.openings)),
            "remaining_ms": .number(machine.remainingOpen(at: now).milliseconds.rounded()),
            "blocked_until": .number(
                (now.sinceOrigin + machine.remainingOpen(at: now)).milliseconds.rounded()),
            "generator_attempts": .list(openings.map { .number(Double($0 - 1)) }),
        ]
    }

    // MARK: Settings

    private static func policy(_ config: JSON) throws -> CircuitBreakerPolicy {
        var policy = CircuitBreakerPolicy()
        policy.minimumCalls = config["minimum_calls"]?.int ?? 1
        policy.failureRate = config["failure_rate"]?.number
        // A strict threshold is the next larger number.
        if config["failure_rate_exclusive"] == .bool(true) { policy.failureRate = policy.failureRate?.nextUp }
        policy.slowCallRate = config["slow_call_rate"]?.number
        policy.slowCallDuration = config["slow_call_ms"]?.milliseconds
        policy.probeLease = nil
        policy.maximumHalfOpen = nil
        try setWindow(&policy, config)
        if let trip = config["trip"] {
            policy.consecutiveFailures = trip["consecutive_failures"]?.int
            policy.failureRate = trip["failure_rate"]?.number
            policy.minimumCalls = trip["minimum_calls"]?.int ?? 1
        }
        try setOpenTime(&policy, config)
        try setVerdict(&policy, config)
        return policy
    }

    private static func setWindow(_ policy: inout CircuitBreakerPolicy, _ config: JSON) throws {
        let window = config["window"], threshold = config["failure_threshold"]
        switch window?["type"]?.string {
        case "time", nil:
            let length = window?["duration_ms"]?.milliseconds ?? .seconds(30)
            let slices =
                window?["buckets"]?.int ?? window?["bucket_ms"].flatMap(\.milliseconds).map {
                    Int(length / $0)
                } ?? 10
            policy.window = .time(length, slices: slices, aligned: window?["aligned"] == .bool(true))
            if let rps = config["minimum_rps"]?.number {
                policy.minimumCalls = Int((length / .seconds(1) * rps).rounded(.up))
            }
        case "count": policy.window = .calls(window?["size"]?.int ?? threshold?["of"]?.int ?? 1)
        case "interval": policy.window = .interval(window?["reset_every_ms"]?.milliseconds)
        case "consecutive":
            policy.window = .calls(1)
            policy.consecutiveFailures = window?["failures"]?.int
        default: throw Unsupported("window \(window ?? .null)")
        }
        policy.failureCount = threshold?["failures"]?.int
    }

    private static func setOpenTime(_ policy: inout CircuitBreakerPolicy, _ config: JSON) throws {
        var open = CircuitBreakerPolicy.OpenTime(
            first: .seconds(60), multiplier: 1, maximum: .unbounded, jitter: 0, decay: nil)
        switch config["open_ms"] {
        case .number?: open.first = config["open_ms"]?.milliseconds ?? .zero
        case .list(let steps)?: open.steps = steps.compactMap(\.milliseconds)
        case .string("attempt")?: open.steps = (1...100).map { .milliseconds($0) }
        case nil: break
        default: throw Unsupported("open_ms \(config["open_ms"] ?? .null)")
        }
        if let backoff = config["open_backoff"] {
            open.first = backoff["initial_ms"]?.milliseconds ?? open.first
            open.multiplier = backoff["multiplier"]?.number ?? 1
        }
        switch config["open_generator_ms"] {
        case .number?: open.steps = [config["open_generator_ms"]?.milliseconds ?? .zero]
        case .list(let steps)?: open.steps = steps.compactMap(\.milliseconds)
        case .string(let text)?:
            guard let number = text.split(separator: " ").first.flatMap({ Double($0) }) else {
                throw Unsupported("open_generator_ms \(text)")
            }
            open.steps = [.milliseconds(number)]
        case nil: break
        default: throw Unsupported("open_generator_ms \(config["open_generator_ms"] ?? .null)")
        }
        // Our boundary is inclusive; a source whose boundary is exclusive opens for a moment longer.
        if config["open_boundary"]?.string == "after" {
            open.first += .nanoseconds(1)
            open.steps = open.steps.map { $0 + .nanoseconds(1) }
        }
        policy.open = open
    }

    private static func setVerdict(_ policy: inout CircuitBreakerPolicy, _ config: JSON) throws {
        let halfOpen = config["half_open"]
        policy.maximumHalfOpen = halfOpen?["max_wait_ms"]?.milliseconds
        func ratio(_ threshold: JSON?) -> CircuitBreakerPolicy.Verdict? {
            guard let of = threshold?["of"]?.int else { return nil }
            if let successes = threshold?["successes"]?.int { return .successes(successes, of: of) }
            return threshold?["failures"]?.int.map { .successes(of - $0 + 1, of: of) }
        }
        switch halfOpen?["mode"]?.string {
        case "single": policy.verdict = .consecutiveSuccesses(1)
        case "rate": policy.verdict = .rate(calls: halfOpen?["permits"]?.int ?? 10)
        case "consecutive": policy.verdict = .consecutiveSuccesses(halfOpen?["max_requests"]?.int ?? 1)
        case "sample":
            policy.verdict = .tolerance(
                halfOpen?["threshold"]?.number ?? 0, calls: halfOpen?["calls"]?.int ?? 1)
        case "ratio", nil:
            policy.verdict =
                ratio(halfOpen?["success_threshold"]) ?? ratio(halfOpen?["failure_threshold"])
                ?? ratio(config["failure_threshold"]) ?? .consecutiveSuccesses(1)
        default: throw Unsupported("half-open mode \(halfOpen ?? .null)")
        }
    }
}
