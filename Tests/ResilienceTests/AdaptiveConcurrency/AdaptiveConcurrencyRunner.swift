@testable import Resilience

/// Plays adaptive concurrency vectors on the state machine, and those of the send rate on ``CubicRate``.
struct AdaptiveConcurrencyRunner: PatternRunner {
    private var machine: ConcurrencyLimiter.StateMachine
    private var cubic: CubicRate
    private let isCubic: Bool

    init(_ config: JSON) throws {
        isCubic = config["algorithm"]?.string == "cubic"
        cubic = CubicRate(
            ceiling: config["w_max"]?.number ?? 10, beta: isCubic ? config["beta"]?.number ?? 0.7 : 0.7,
            scale: config["scale"]?.number ?? 0.4,
            start: .seconds(config["start_s"]?.number ?? 0))
        let policy = ConcurrencyLimitPolicy(
            isCubic ? .aimd() : try Self.algorithm(config), initial: config["initial"]?.int ?? 20,
            minimum: config["min"]?.int ?? 1, maximum: config["max"]?.int ?? 200)
        machine = ConcurrencyLimiter.StateMachine(policy, chance: Chance(seed: 1))
    }

    private static func algorithm(_ config: JSON) throws -> ConcurrencyLimitPolicy.Algorithm {
        let isUnprobed = config["probe"]?.string == "off"
        switch config["algorithm"]?.string {
        case "aimd":
            return .aimd(.init(backoff: config["backoff"]?.number ?? 0.9))
        case "vegas":
            var settings = ConcurrencyLimitPolicy.Vegas(probe: isUnprobed ? nil : config["probe"]?.int ?? 30)
            settings.smoothing = config["smoothing"]?.number ?? 1
            settings.alpha = try amount(config["alpha"]) ?? settings.alpha
            settings.beta = try amount(config["beta"]) ?? settings.beta
            settings.threshold = try amount(config["threshold"]) ?? settings.threshold
            settings.decrease = try amount(config["decrease"]) ?? settings.decrease
            return .vegas(settings)
        case "gradient", "gradient2":
            var settings = ConcurrencyLimitPolicy.Gradient(
                probe: isUnprobed ? nil : config["probe"]?.int ?? 1000)
            settings.smoothing = config["smoothing"]?.number ?? 0.2
            return .gradient(settings)
        default: throw Unsupported("algorithm \(config["algorithm"] ?? .null)")
        }
    }

    private static func amount(_ word: JSON?) throws -> ConcurrencyLimitPolicy.Amount? {
        switch word {
        case nil: nil
        case .number(let number)?: .fixed(number)
        case .string("log10")?: .logarithmic(1)
        case .string("half")?: .share(0.5)
        default: throw Unsupported("amount \(word ?? .null)")
        }
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "inspect": break
        case "sample":
            machine.sample(
                (step["rtt_ms"]?.number ?? 0) * 1e6, inFlight: step["inflight"]?.int ?? 0,
                dropped: step["dropped"] == .bool(true))
        case "success":
            seen["rate"] = .number(cubic.rate(after: .seconds(step["t_s"]?.number ?? 0)))
        case "throttled":
            seen["rate"] = .number(
                cubic.throttled(at: step["rate"]?.number ?? 0, after: .seconds(step["t_s"]?.number ?? 0)))
        default: throw Unsupported("operation \(op)")
        }
        if isCubic {
            (seen["k"], seen["w_max"]) = (.number(cubic.secondsToCeiling), .number(cubic.ceiling))
        } else {
            seen["limit"] = .number(Double(machine.limit))
        }
        return seen
    }
}
