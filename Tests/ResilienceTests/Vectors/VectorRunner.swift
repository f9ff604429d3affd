/// What became of one vector.
enum Verdict: Equatable {
    case passed
    /// What was seen is not what was wanted.
    case failed([String])
    /// Something in it is not known, or was not read, by its path.
    case refused([String])
}

/// Plays the vectors of one pattern. All steps of a vector share one runner.
protocol PatternRunner {
    /// Begins with the vector's settings.
    init(_ config: Fields) throws
    /// Does one operation and returns what can be seen after it, by the vocabulary's words. Values that are not asked
    /// for do no harm.
    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON]
}

struct VectorRunner {
    /// Where libraries disagree and we decided otherwise than the vector's source.
    /// The expectations replace those of the vector.
    static let decisions: [String: (why: String, expected: [JSON])] = [
        "cb-016": (
            "any change of state by hand is allowed, as in failsafe-go",
            [.object(["after": .number(0), "state": .string("half_open")])]
        ),
        "cb-028": (
            "an ignored probe gives its place back and the breaker stays half-open, as in resilience4j",
            [.object(["after": .number(11), "state": .string("half_open")])]
        ),
        "rt-017": (
            "delays are capped after jitter",
            [
                .object(["after": .number(0), "delay_ms": .number(80)]),
                .object(["after": .number(1), "delay_ms": .number(120)]),
                .object(["after": .number(2), "delay_ms": .number(400)]),
                .object(["after": .number(3), "delay_ms": .number(1000)]),
            ]
        ),
    ]

    /// Plays a vector. Nothing of it is ignored: what is not known or not read refuses it.
    static func run(_ original: Vector) -> Verdict {
        var vector = original
        if let decision = decisions[vector.id] { vector.expected = decision.expected }
        let log = Fields.Log()
        let config = Fields(vector.config, "config", log)
        let steps = vector.steps.enumerated().map { Fields($1, "steps[\($0)]", log) }
        do {
            // A vector may be decided otherwise, but its own words must be known as well.
            let unknown = original.mistakes + (try Vocabulary.shared.get().unknownWords(in: original))
            guard unknown.isEmpty else { return .refused(unknown) }
            let expectations = try vector.expected.enumerated().map {
                try Expectation($1, "expected[\($0)]", steps: steps.count)
            }
            let mismatches = try play(steps, expectations, runner(vector.pattern, config))
            let unread = config.unread + steps.flatMap(\.unread)
            guard unread.isEmpty else { return .refused(unread.map { "\($0): not read" }) }
            return mismatches.isEmpty ? .passed : .failed(mismatches)
        } catch {
            return .refused(["\(error)"])
        }
    }

    private static func runner(_ pattern: String, _ config: Fields) throws -> any PatternRunner {
        switch pattern {
        case "circuit_breaker": try CircuitBreakerRunner(config)
        case "backoff": try BackoffRunner(config)
        case "retry": try RetryRunner(config)
        case "retry_budget": try RetryBudgets.runner(config)
        case "bulkhead": try BulkheadRunner(config)
        case "hedging": try HedgeRunner(config)
        case "adaptive_throttle": try ThrottleRunner(config)
        case "cache": try CacheRunner(config)
        case "composition": try CompositionRunner(config)
        case "rate_limiter": try RateLimiterRunner(config)
        case "token_bucket": try TokenBucketRunner(config)
        case "adaptive_concurrency":
            if config["algorithm"]?.all == .string("cubic") {
                try CubicRateRunner(config)
            } else {
                try AdaptiveConcurrencyRunner(config)
            }
        case "load_balancing": try LoadBalancingRunner(config)
        case "batching": try BatchingRunner(config)
        default: throw Unsupported("pattern: no runner for \(pattern)")
        }
    }

    private static func play(
        _ steps: [Fields], _ expectations: [Expectation], _ runner: any PatternRunner
    ) throws -> [String] {
        var runner = runner, mismatches: [String] = []
        for (index, step) in steps.enumerated() {
            let seen = try runner.perform(try step.required("op").text(), step)
            for expectation in expectations where expectation.step == index {
                mismatches += expectation.mismatches(with: seen)
            }
        }
        return mismatches
    }
}
