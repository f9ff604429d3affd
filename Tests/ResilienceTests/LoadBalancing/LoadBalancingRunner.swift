@testable import Resilience

/// Plays load balancing vectors on the state machine: they are about one target, which has a hundred idle peers here so
/// that it may be ejected.
struct LoadBalancingRunner: PatternRunner {
    private var machine: LoadBalancer.StateMachine
    private var now: Int64 = 0
    private var calls: [String: (ticket: LoadBalancer.Ticket, since: Int64)] = [:]

    init(_ config: JSON) throws {
        var outliers = OutlierEjectionPolicy(jitter: .zero)
        outliers.consecutiveFailures = config["consecutive"]?.int ?? 5
        outliers.interval = config["interval_ms"]?.milliseconds ?? outliers.interval
        outliers.base = config["base_ms"]?.milliseconds ?? outliers.base
        outliers.maximum = config["max_ms"]?.milliseconds ?? outliers.maximum
        outliers.maximumShare = (config["max_ejection_percent"]?.number ?? 10) / 100
        let policy = LoadBalancerPolicy(
            unknownLatency: config["default_rtt_ms"]?.milliseconds ?? .seconds(1),
            decay: config["decay_ms"]?.milliseconds ?? .seconds(10), outliers: outliers)
        machine = LoadBalancer.StateMachine(
            policy, targets: (0...100).map { "target \($0)" }, chance: Chance(seed: 1))
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        switch op {
        case "load": break
        case "advance": now += (step["ms"]?.milliseconds ?? .zero).wholeNanoseconds
        case "start": calls[step["id"]?.string ?? ""] = (machine.start(0), now)
        case "finish":
            guard let call = calls.removeValue(forKey: step["id"]?.string ?? "") else { break }
            let latency = Double(now - call.since)
            switch step["outcome"]?.string {
            case "success", nil: machine.finish(call.ticket, .success(latency), at: now)
            case "failure": machine.finish(call.ticket, .failure(latency), at: now)
            case "ignored", "cancelled": machine.finish(call.ticket, .ignored, at: now)
            default: throw Unsupported("outcome \(step["outcome"] ?? .null)")
            }
        case "errors":
            for _ in 0..<(step["n"]?.int ?? 1) { machine.finish(machine.start(0), .failure(0), at: now) }
        default: throw Unsupported("operation \(op)")
        }
        let cost = JSON.number(machine.cost(0, at: now) / 1e6)
        let ejected = JSON.number(Double(machine.outliers.remaining(0, at: now)) / 1e6)
        return [
            "cost_ms": cost, "cost_between_ms": cost, "cost_min_ms": cost, "cost_max_ms": cost,
            "ejected_for_ms": ejected, "ejected_for_ms_max": ejected,
        ]
    }
}
