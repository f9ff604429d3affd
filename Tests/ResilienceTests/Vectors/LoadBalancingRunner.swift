@testable import Resilience

/// Plays load balancing vectors on the state machine: they are about one target, which has a hundred idle peers here so
/// that it may be ejected.
struct LoadBalancingRunner: PatternRunner {
    private var machine: LoadBalancer.StateMachine
    private var now: Int64 = 0
    private var calls: [String: (ticket: LoadBalancer.Ticket, since: Int64)] = [:]

    init(_ config: Fields) throws {
        var outliers = OutlierEjectionPolicy(jitter: .zero)
        outliers.consecutiveFailures = try config.int("consecutive") ?? 5
        outliers.interval = try config.duration("interval_ms") ?? outliers.interval
        outliers.base = try config.duration("base_ms") ?? outliers.base
        outliers.maximum = try config.duration("max_ms") ?? outliers.maximum
        outliers.maximumShare = (try config.number("max_ejection_percent") ?? 10) / 100
        let policy = LoadBalancerPolicy(
            unknownLatency: try config.duration("default_rtt_ms") ?? .seconds(1),
            decay: try config.duration("decay_ms") ?? .seconds(10), outliers: outliers)
        machine = LoadBalancer.StateMachine(
            policy, targets: (0...100).map { "target \($0)" }, chance: Chance(seed: 1))
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        switch op {
        case "load": break
        case "advance": now += try step.required("ms").duration().wholeNanoseconds
        case "start": calls[try step.required("id").text()] = (machine.start(0), now)
        case "finish": try finish(step)
        case "errors":
            for _ in 0..<(try step.count("n")) { machine.finish(machine.start(0), .failure(0), at: now) }
        default: throw Unsupported("\(step.path).op: unknown")
        }
        let cost = JSON.number(machine.cost(0, at: now) / 1e6)
        let ejected = JSON.number(Double(machine.outliers.remaining(0, at: now)) / 1e6)
        return [
            "cost_ms": cost, "cost_between_ms": cost, "cost_min_ms": cost, "cost_max_ms": cost,
            "ejected_for_ms": ejected, "ejected_for_ms_max": ejected,
        ]
    }

    private mutating func finish(_ step: Fields) throws {
        let id = try step.required("id")
        guard let call = calls.removeValue(forKey: try id.text()) else { throw id.unknown }
        let latency = Double(now - call.since)
        switch try step["outcome"]?.outcome() {
        case .value?, nil: machine.finish(call.ticket, .success(latency), at: now)
        case .error(let error)?:
            machine.finish(call.ticket, error.isIgnored ? .ignored : .failure(latency), at: now)
        case .cancelled?: machine.finish(call.ticket, .ignored, at: now)
        }
    }
}
