@testable import Resilience

/// Plays hedging vectors on the hedge's decisions, in virtual time.
struct HedgeRunner: PatternRunner {
    private let config: JSON

    init(_ config: JSON) throws {
        self.config = config
    }

    private struct Attempt {
        var endsAt: Instant
        var outcome: String
        var value: JSON
        var ignoresCancellation: Bool

        init(_ step: JSON, at now: Instant) {
            endsAt = now.advanced(by: step["duration_ms"]?.milliseconds ?? .zero)
            outcome = step["outcome"]?.string ?? "success"
            value = step["value"] ?? .null
            ignoresCancellation = step["ignores_cancellation"] == .bool(true)
        }
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        guard op == "run" else { throw Unsupported("operation \(op) of hedging") }
        let script = step["attempts"]?.list ?? []
        let delay = (config["generator_ms"] ?? config["delay_ms"])?.milliseconds ?? .seconds(2)
        let accepted = config["accept"]?.string
        var machine = Hedge.StateMachine(maximumHedges: config["max_hedges"]?.int ?? 1)
        var now = Instant(), starts: [Instant] = [], running: [Int: Attempt] = [:],
            ended: [Int: Attempt] = [:]
        for _ in 0..<10_000 {
            switch machine.next(at: now) {
            case .begin(let number):
                guard number < script.count else {
                    throw Unsupported("an attempt that the vector does not know")
                }
                starts.append(now)
                running[number] = Attempt(script[number], at: now)
                machine.hasBegun(at: now, nextAfter: delay)
            case .wait(let until):
                let ends = running.min { ($0.value.endsAt, $0.key) < ($1.value.endsAt, $1.key) }
                guard let (number, attempt) = ends, attempt.endsAt <= until ?? attempt.endsAt else {
                    now = until ?? now
                    continue
                }
                now = attempt.endsAt
                running[number] = nil
                ended[number] = attempt
                let isAccepted = accepted == nil || accepted == "value \(attempt.value)"
                if attempt.outcome == "failure" || attempt.outcome == "success" && !isAccepted {
                    machine.fail(at: now)
                } else {
                    machine.accept(number)
                }
            case .finish(let winner):
                return shown(starts, ended[winner], running)
            }
        }
        throw Unsupported("a call that does not end")
    }

    private func shown(_ starts: [Instant], _ winner: Attempt?, _ losers: [Int: Attempt]) -> [String: JSON] {
        let numbers = losers.keys.sorted()
        let disposed = numbers.compactMap { losers[$0] }.filter {
            $0.ignoresCancellation && $0.outcome == "success"
        }
        return [
            "executions": .number(Double(starts.count)), "hedges": .number(Double(starts.count - 1)),
            "start_ms": .list(starts.map { .number($0.sinceOrigin / .milliseconds(1)) }),
            "value": winner?.outcome == "success" ? winner?.value ?? .null : .null,
            "error": winner?.outcome == "success" ? .null : winner?.value ?? .null,
            "cancelled": .list(numbers.map { .number(Double($0)) }),
            "disposed": .list(disposed.map(\.value)),
        ]
    }
}

/// Plays adaptive throttle vectors.
struct ThrottleRunner: PatternRunner {
    private let policy: AdaptiveThrottle.Policy
    private var machine: AdaptiveThrottle.StateMachine
    private var now = Instant()

    init(_ config: JSON) throws {
        var policy = AdaptiveThrottle.Policy()
        policy.successThreshold = config["success_threshold"]?.number ?? 0.9
        policy.maximumRejection = config["max_rejection"]?.number ?? 0.9
        policy.minimumCalls = config["min_calls"]?.int ?? 0
        self.policy = policy
        machine = AdaptiveThrottle.StateMachine(policy, chance: Chance(seed: 1), at: now)
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        switch op {
        case "rate":
            let rejection = AdaptiveThrottle.StateMachine.rejection(
                calls: step["calls"]?.int ?? 0, successes: step["successes"]?.int ?? 0, policy)
            return shown(rejection)
        case "record":
            _ = machine.admit(at: now)
            if step["outcome"]?.string == "success" { machine.succeeded(at: now) }
        case "advance": now = now.advanced(by: step["ms"]?.milliseconds ?? .zero)
        case "inspect": break
        default: throw Unsupported("operation \(op) of a throttle")
        }
        return shown(machine.rejection(at: now))
    }

    private func shown(_ rejection: Double) -> [String: JSON] {
        ["rejection": .number(rejection), "rejection_between": .number(rejection)]
    }
}
