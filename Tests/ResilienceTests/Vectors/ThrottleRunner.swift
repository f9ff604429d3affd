@testable import Resilience

/// Plays adaptive throttle vectors.
struct ThrottleRunner: PatternRunner {
    private let stage = Stage()
    private let policy: AdaptiveThrottle.Policy
    private let throttle: AdaptiveThrottle

    init(_ config: Fields) throws {
        var policy = AdaptiveThrottle.Policy()
        policy.minimumCalls = max(1, try config.int("min_calls") ?? 1)
        let formula = config["formula"], factor = try config.number("K")
        // The book's K is 1 / the share of successes that is good enough; it knows no highest rejection.
        let isBook: Bool =
            switch try formula?.text() {
            case nil: factor != nil
            case "sre", "google_sre": true
            case "failsafe", "failsafe_go": false
            case _?: throw (formula ?? config).unknown
            }
        if isBook {
            let factor = factor ?? 2
            guard factor >= 1 else { throw try config.required("K").wrong("1 or more") }
            policy.successThreshold = 1 / factor
            if let field = config["success_threshold"], abs(try field.number() * factor - 1) > 1e-9 {
                throw field.wrong("1 / K")
            }
        } else {
            policy.successThreshold = try config.number("success_threshold") ?? 0.9
            if factor != nil { throw try config.required("K").unknown }
        }
        policy.maximumRejection = try config.number("max_rejection") ?? (isBook ? 1 : 0.9)
        self.policy = policy
        throttle = AdaptiveThrottle(
            "throttle", policy: policy, time: stage.strategies, chance: Chance(seed: 1))
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        switch op {
        case "rate":
            return shown(
                AdaptiveThrottle.StateMachine.rejection(
                    calls: try step.required("calls").int(), successes: try step.required("successes").int(),
                    policy))
        case "record": try record(try step.required("outcome").outcome())
        case "inspect": break
        default: throw Unsupported("\(step.path).op: unknown")
        }
        return shown(throttle.rejection)
    }

    /// Makes a call that is sent: of those that chance rejects nothing is counted.
    private func record(_ outcome: Outcome) throws {
        var outcome = outcome
        if case .error(let error) = outcome, error.isIgnored { outcome = .cancelled }
        let throttle = throttle, ending = outcome
        for _ in 0..<100_000 {
            let pipeline = ErasedPipeline("pipeline", [throttle])
            let result = try stage.run { try await pipeline.run { try ending.get() } }
            guard case .failure(let rejection as Rejection) = result, rejection.reason == .throttled else {
                return
            }
        }
        throw Unsupported("a throttle that lets nothing pass")
    }

    private func shown(_ rejection: Double) -> [String: JSON] {
        ["rejection": .number(rejection), "rejection_between": .number(rejection)]
    }
}
