@testable import Resilience

/// Plays adaptive concurrency vectors on the state machine.
struct AdaptiveConcurrencyRunner: PatternRunner {
    private var machine: ConcurrencyLimiter.StateMachine

    init(_ config: Fields) throws {
        let policy = ConcurrencyLimitPolicy(
            try Self.algorithm(config), initial: try config.int("initial") ?? 20,
            minimum: max(1, try config.int("min") ?? 1), maximum: try config.int("max") ?? 200)
        machine = ConcurrencyLimiter.StateMachine(policy, chance: Chance(seed: 1))
    }

    private static func algorithm(_ config: Fields) throws -> ConcurrencyLimitPolicy.Algorithm {
        let algorithm = try config.required("algorithm")
        switch try algorithm.text() {
        case "aimd": return .aimd(.init(backoff: try config.number("backoff") ?? 0.9))
        case "vegas":
            var settings = ConcurrencyLimitPolicy.Vegas(probe: try probe(config, usually: 30))
            settings.smoothing = try config.number("smoothing") ?? 1
            settings.alpha = try amount(config["alpha"]) ?? settings.alpha
            settings.beta = try amount(config["beta"]) ?? settings.beta
            settings.threshold = try amount(config["threshold"]) ?? settings.threshold
            settings.decrease = try amount(config["decrease"]) ?? settings.decrease
            return .vegas(settings)
        case "gradient", "gradient2":
            var settings = ConcurrencyLimitPolicy.Gradient(probe: try probe(config, usually: 1000))
            settings.smoothing = try config.number("smoothing") ?? 0.2
            return .gradient(settings)
        default: throw algorithm.unknown
        }
    }

    private static func probe(_ config: Fields, usually usual: Int) throws -> Int? {
        guard let field = config["probe"] else { return usual }
        guard field.isText else { return try field.int() }
        guard try field.text() == "off" else { throw field.unknown }
        return nil
    }

    private static func amount(_ field: Fields?) throws -> ConcurrencyLimitPolicy.Amount? {
        guard let field else { return nil }
        switch field.all {
        case .number(let number): return .fixed(number)
        case .string("log10"): return .logarithmic(1)
        case .string("half"): return .share(0.5)
        default: throw field.unknown
        }
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        switch op {
        case "inspect": break
        case "sample":
            machine.sample(
                try step.required("rtt_ms").number() * 1e6, inFlight: try step.required("inflight").int(),
                dropped: try step.bool("dropped") ?? false)
        default: throw Unsupported("\(step.path).op: of no limit of calls")
        }
        return ["limit": JSON(machine.limit)]
    }
}

/// Plays the adaptive concurrency vectors that are about a send rate.
struct CubicRateRunner: PatternRunner {
    private var rate: CubicRate

    init(_ config: Fields) throws {
        rate = CubicRate(
            ceiling: try config.required("w_max").number(), beta: try config.number("beta") ?? 0.7,
            scale: try config.number("scale") ?? 0.4, start: .seconds(try config.number("start_s") ?? 0))
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "success": seen["rate"] = .number(rate.rate(after: try time(step)))
        case "throttled":
            seen["rate"] = .number(
                rate.throttled(at: try step.required("rate").number(), after: try time(step)))
        default: throw Unsupported("\(step.path).op: of no send rate")
        }
        (seen["k"], seen["w_max"]) = (.number(rate.secondsToCeiling), .number(rate.ceiling))
        return seen
    }

    private func time(_ step: Fields) throws -> Duration { .seconds(try step.required("t_s").number()) }
}
