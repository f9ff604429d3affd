@testable import Resilience

/// Plays retry vectors by a real retry in virtual time.
struct RetryRunner: PatternRunner {
    private let run: RetryRun

    init(_ config: Fields) throws {
        // Without a limit where the vector says null.
        var most = RetryPolicy().maximumAttempts
        if config.has("max_retries") { most = try config.int("max_retries").map { $0 + 1 } }
        let policy = RetryPolicy(
            maximumAttempts: most, backoff: try Self.backoff(config), retryAfter: RetryRun.pushback,
            maximumDuration: try config.duration("max_duration_ms"))
        let field = config["generator_ms"]
        let generated = try field.map {
            try $0.isList ? $0.list().map { try $0.duration() } : [$0.duration()]
        }
        run = RetryRun(
            policy: policy, generated: generated ?? [], handles: try Self.handles(config["handle"]),
            stage: Stage())
    }

    private static func backoff(_ config: Fields) throws -> Backoff {
        let growth: Backoff.Growth =
            switch try config.text("backoff") {
            case nil, "constant": .constant
            case "linear": .linear
            case "exponential": .exponential()
            case _?: throw try config.required("backoff").unknown
            }
        return Backoff(
            base: try config.duration("delay_ms") ?? .zero, growth: growth, jitter: .none, maximum: .unbounded
        )
    }

    /// What is worth another attempt: by default errors, and results that say so by their name.
    private static func handles(_ field: Fields?) throws -> @Sendable (Outcome) -> Bool {
        guard let field else {
            return { outcome in
                switch outcome {
                case .value(let word): word == "handled_result"
                case .error(let error): error.isHandled
                case .cancelled: false
                }
            }
        }
        guard field.isList else {
            guard try field.text() == "all results" else { throw field.unknown }
            return { $0 != .cancelled }
        }
        let handled = Set(try field.list().map { try $0.outcome() }.map { try Self.word($0) })
        return { outcome in (try? Self.word(outcome)).map(handled.contains) ?? false }
    }

    private static func word(_ outcome: Outcome) throws -> String {
        switch outcome {
        case .value(let word): return word
        case .error(let error): return error.word
        case .cancelled: throw CancellationError()
        }
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        guard op == "run" else { throw Unsupported("\(step.path).op: unknown") }
        return try run.play(step)
    }
}
