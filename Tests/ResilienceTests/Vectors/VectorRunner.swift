import Foundation
import Testing

/// What became of one vector.
enum Verdict {
    case passed
    case failed([String])
}

/// Says why a runner cannot go on with a vector.
struct Unsupported: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// Plays the vectors of one pattern.
protocol PatternRunner {
    /// Begins with the vector's settings.
    init(_ config: JSON) throws
    /// Does one operation and returns what can be seen after it, by the vocabulary's words. Values that are not asked
    /// for do no harm.
    mutating func perform(_ op: String, _ step: JSON) async throws -> [String: JSON]
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

    static func run(_ original: Vector) async -> Verdict {
        var vector = original
        do {
            let unknown = try Vocabulary.shared.get().unknownWords(in: vector)
            guard unknown.isEmpty else { return .failed(unknown.map { "unknown \($0)" }) }
            if let decision = decisions[vector.id] { vector.expected = decision.expected }
            let mismatches =
                switch vector.pattern {
                case "circuit_breaker": try await play(vector, CircuitBreakerRunner(vector.config))
                case "backoff": try await play(vector, BackoffRunner(vector.config))
                case "retry": try await play(vector, RetryRunner(vector.config))
                case "bulkhead": try await play(vector, BulkheadRunner(vector.config))
                case "hedging": try await play(vector, HedgeRunner(vector.config))
                case "adaptive_throttle": try await play(vector, ThrottleRunner(vector.config))
                case "cache": try await play(vector, CacheRunner(vector.config))
                case "composition": try await play(vector, CompositionRunner(vector.config))
                case "rate_limiter": try await play(vector, RateLimiterRunner(vector.config))
                case "token_bucket": try await play(vector, TokenBucketRunner(vector.config))
                case "adaptive_concurrency": try await play(vector, AdaptiveConcurrencyRunner(vector.config))
                case "load_balancing": try await play(vector, LoadBalancingRunner(vector.config))
                case "batching": try await play(vector, BatchingRunner(vector.config))
                case "retry_budget":
                    switch vector.config["type"]?.string {
                    case "token": try await play(vector, RetryBudgetRunner(vector.config))
                    case "concurrency": try await play(vector, ConcurrencyBudgetRunner(vector.config))
                    default: try await play(vector, RetryQuotaRunner(vector.config))
                    }
                default: throw Unsupported("no runner for pattern \(vector.pattern)")
                }
            return mismatches.isEmpty ? .passed : .failed(mismatches)
        } catch {
            return .failed(["\(error)"])
        }
    }

    private static func play(_ vector: Vector, _ runner: some PatternRunner) async throws -> [String] {
        var runner = runner, mismatches: [String] = []
        for (index, step) in vector.steps.enumerated() {
            let seen = try await runner.perform(step["op"]?.string ?? "", step)
            for expectation in vector.expectations(after: index) {
                mismatches += compare(expectation, seen, step: index)
            }
        }
        return mismatches
    }

    private static func compare(_ expectation: JSON, _ seen: [String: JSON], step: Int) -> [String] {
        let tolerance = (expectation["tolerance"] ?? expectation["tolerance_ms"])?.number ?? 1e-9
        var mismatches: [String] = []
        for (key, wanted) in expectation.members ?? [:]
        where !["after", "tolerance", "tolerance_ms"].contains(key) {
            let value = seen[key] ?? (wanted == .null ? .null : nil)
            let holds: Bool =
                switch (key, value) {
                case (_, nil): false
                case (_, .number(let number)?) where wanted.list?.count == 2 && key.contains("between"):
                    (wanted.list?[0].number ?? .nan) <= number && number <= (wanted.list?[1].number ?? .nan)
                case ("all_between", .list(let numbers)?):
                    numbers.allSatisfy { number in
                        (wanted.list?[0].number ?? .nan) <= (number.number ?? .nan)
                            && (number.number ?? .nan) <= (wanted.list?[1].number ?? .nan)
                    }
                case (_, .number(let number)?) where key.hasSuffix("_max") || key.hasSuffix("_max_ms"):
                    number <= wanted.number ?? .nan
                case (_, .number(let number)?) where key.hasSuffix("_min") || key.hasSuffix("_min_ms"):
                    number >= wanted.number ?? .nan
                case (_, let value?): equal(value, wanted, tolerance)
                }
            if !holds {
                mismatches.append(
                    "step \(step): \(key) is \(value ?? .string("unknown")), expected \(wanted)")
            }
        }
        return mismatches
    }

    private static func equal(_ value: JSON, _ wanted: JSON, _ tolerance: Double) -> Bool {
        switch (value, wanted) {
        case (.number(let a), .number(let b)): abs(a - b) <= tolerance
        case (.list(let a), .list(let b)):
            a.count == b.count && zip(a, b).allSatisfy { equal($0, $1, tolerance) }
        case (.object(let a), .object(let b)):
            b.allSatisfy { key, wanted in a[key].map { equal($0, wanted, tolerance) } ?? false }
        default: value == wanted
        }
    }
}
