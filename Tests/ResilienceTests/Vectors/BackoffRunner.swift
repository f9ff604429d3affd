@testable import Resilience

/// Plays backoff vectors on series of delays, which go on from step to step.
struct BackoffRunner: PatternRunner {
    /// What a step may change of the settings.
    private struct Variant: Hashable {
        var kind: Int
        var maximum: Duration?
        var isThrottled = false
    }

    private let kinds: [Backoff]
    private let throttledBase: Duration?
    private let attemptBase: Int
    private let maximumAttempts: Int?
    private let retryAfter: RetryPolicy.RetryAfter
    private var series: [Variant: Backoff.Series] = [:]
    private var chance = Chance(seed: 7)
    private let stage = Stage()

    init(_ config: Fields) throws {
        attemptBase = try config.int("attempt_base") ?? 0
        maximumAttempts = try config.int("max_retries").map { $0 + 1 }
        throttledBase = try config.duration("throttle_base_ms")
        if let clamp = try config.duration("retry_after_clamp_ms") {
            retryAfter = .clamped(clamp)
        } else if config["jitter"]?.all == .string("grpc") {
            retryAfter = RetryRun.pushback
        } else {
            retryAfter = .honoured(ceiling: .unbounded)
        }
        let (growths, jitter) = try (Self.growths(config), Self.jitter(config))
        let base = try config.duration("base_ms") ?? .zero
        let (minimum, maximum) = try (config.duration("min_ms"), config.duration("max_ms"))
        kinds = growths.map {
            Backoff(
                base: base, growth: $0, jitter: jitter, minimum: minimum ?? .zero,
                maximum: maximum ?? .unbounded)
        }
    }

    private static func growths(_ config: Fields) throws -> [Backoff.Growth] {
        let type = try config.required("type")
        func exponential() throws -> Backoff.Growth {
            .exponential(multiplier: try config.number("multiplier") ?? 2)
        }
        switch try type.text() {
        case "constant", "fixed", "decorrelated": return [.constant]
        case "linear": return [.linear]
        case "exponential", "aws": return [try exponential()]
        case "random": return [.random]
        case "any": return [.constant, .linear, try exponential()]
        default: throw type.unknown
        }
    }

    private static func jitter(_ config: Fields) throws -> Backoff.Jitter {
        let type = config["type"]?.all
        func spread() throws -> Duration? { try config.duration("jitter_ms") }
        if type == .string("decorrelated") { return .decorrelated }
        guard let field = config["jitter"] else {
            return try spread().map { .absolute($0) } ?? (type == .string("aws") ? .full : .none)
        }
        switch field.all {
        case .bool(false), .string("none"): return .none
        case .string("full"): return .full
        case .string("half"), .string("equal"): return .half
        case .string("polly"): return .proportional(0.25)
        case .string("grpc"): return .proportional(0.2)
        case .string("absolute"): return .absolute(try spread() ?? .zero)
        case .string("added"): return .added(try spread() ?? .zero)
        case .string("decorrelated"): return .decorrelated
        case .string("decorrelated_v2"): return .decorrelatedSmooth
        case .number(let share): return .proportional(share)
        default: throw field.unknown
        }
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        switch op {
        case "delay": return try delay(step)
        case "delays": return shown(try delays(step))
        case "run":
            let policy = RetryPolicy(
                maximumAttempts: maximumAttempts, backoff: kinds[0],
                retryAfter: retryAfter)
            return try RetryRun(policy: policy, handles: { !$0.isSuccess && $0 != .cancelled }, stage: stage)
                .play(step)
        default: throw Unsupported("\(step.path).op: unknown")
        }
    }

    private mutating func delay(_ step: Fields) throws -> [String: JSON] {
        let attempt = try step.required("attempt").int() - attemptBase
        let random = try step.number("random") ?? 0.5, maximum = try step.duration("max_ms")
        let isThrottled = try step.bool("throttled") ?? false, asked = try step.duration("retry_after_ms")
        if isThrottled, throttledBase == nil { throw try step.required("throttled").unknown }
        let delays = kinds.indices.map { kind in
            next(Variant(kind: kind, maximum: maximum, isThrottled: isThrottled), attempt, random)
        }
        // A vector of type "any" must hold for every type.
        guard let delay = delays.first, Set(delays).count == 1 else { return [:] }
        guard let asked else { return shown([delay]) }
        // What the server's wish does to it is the retry's to say.
        var retry = Retry.StateMachine(
            RetryPolicy(maximumAttempts: nil, retryAfter: retryAfter), startedAt: Instant())
        switch retry.next(retryAfter: asked, delay: delay, random: random, at: Instant()) {
        case .retry(let wait, _): return shown([wait])
        case .stop: return ["delay_ms": .null]
        }
    }

    private mutating func delays(_ step: Fields) throws -> [Duration] {
        let field = try step.required("attempts"), variant = Variant(kind: 0)
        if field.isList {
            return try field.list().map { next(variant, try $0.int() - attemptBase, chance.unit()) }
        }
        // "0..N in sequence"
        let words = try field.text().split(separator: " "), bounds = (words.first ?? "").split(separator: ".")
        guard words.dropFirst().joined(separator: " ") == "in sequence", bounds.count == 2,
            let first = Int(bounds[0]), let last = Int(bounds[1]), first <= last, last < 100_000
        else { throw field.unknown }
        return (first...last).map { next(variant, $0 - attemptBase, chance.unit()) }
    }

    private mutating func next(_ variant: Variant, _ attempt: Int, _ random: Double) -> Duration {
        var backoff = kinds[variant.kind]
        if variant.isThrottled, let throttledBase { backoff.base = throttledBase }
        backoff.maximum = variant.maximum ?? backoff.maximum
        return series[variant, default: Backoff.Series(backoff)].delay(attempt: attempt, random: random)
    }

    private func shown(_ delays: [Duration]) -> [String: JSON] {
        let list = JSON.list(delays.map { JSON($0) })
        return [
            "delay_ms": delays.last.map { JSON($0) } ?? .null, "delays_ms": list, "all_between": list,
            "min_delay_ms": delays.min().map { JSON($0) } ?? .null,
            "max_delay_ms": delays.max().map { JSON($0) } ?? .null,
        ]
    }
}
