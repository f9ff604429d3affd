import ResilienceTesting

@testable import Resilience

/// A call that is retried or hedged within a budget, in virtual time.
struct BudgetedCall {
    enum Budget {
        case tokens(RetryBudget), share(ConcurrencyRetryBudget), quota(RetryQuota)
    }

    private enum Strategy { case retry, hedge }

    private let strategy: Strategy
    private let delay: Duration

    /// What the vector puts the budget into; nil if it is used by itself.
    init?(_ config: Fields) throws {
        guard let field = config["with_"] else { return nil }
        switch try field.text() {
        case "retry": strategy = .retry
        case "hedge": strategy = .hedge
        default: throw field.unknown
        }
        delay = try config.duration("delay_ms") ?? .zero
    }

    func play(_ step: Fields, _ budget: Budget, _ stage: Stage) throws -> [String: JSON] {
        var script = try step["outcomes"]?.outcomes().map { PlayedAttempt($0) } ?? []
        script += try step.list("attempts")?.map { try PlayedAttempt($0) } ?? []
        if script.isEmpty { throw Unsupported("\(step.path): no attempts") }
        let attempts = PlayedAttempts(script, stage), stops = Recorder<Retry.StopReason>()
        let result =
            switch strategy {
            case .retry:
                try retried(attempts, budget, stage) { step in
                    if case .stop(let reason) = step { stops.record(reason) }
                }
            case .hedge: try hedged(attempts, budget, stage)
            }
        let executions = attempts.all.starts.count
        var word = "cancelled"
        switch result {
        case .success: word = "success"
        case .failure(let error as PlayedError):
            word = stops.events.last == .budget ? "budget_exceeded" : error.word
        case .failure: break
        }
        return [
            "executions": JSON(executions), "result": .string(word),
            "hedges": JSON(strategy == .hedge ? executions - 1 : 0),
        ]
    }

    private func retried(
        _ attempts: PlayedAttempts, _ budget: Budget, _ stage: Stage,
        _ told: @escaping @Sendable (Retry.Step) -> Void
    ) throws -> Result<Int, any Error> {
        var tokens: RetryBudget?
        if case .tokens(let budget) = budget { tokens = budget }
        let policy = RetryPolicy(maximumAttempts: nil, backoff: Backoff(base: delay, jitter: .none))
        let retry = Retry(
            "retry", policy: policy, budget: tokens, time: stage.strategies, chance: Chance(seed: 1),
            onEvent: { told($0.step) })
        let layer: any ConcurrentStrategy =
            switch budget {
            case .tokens: retry
            case .share(let budget): retry.within(budget)
            case .quota(let quota): retry.within(quota)
            }
        let pipeline = ErasedPipeline("pipeline", [layer])
        return try stage.run { try await pipeline.run { try await attempts.run() } }
    }

    private func hedged(_ attempts: PlayedAttempts, _ budget: Budget, _ stage: Stage) throws
        -> Result<Int, any Error>
    {
        var tokens: RetryBudget?
        if case .tokens(let budget) = budget { tokens = budget }
        let hedge = Hedge(
            "hedge", policy: HedgePolicy(delay: .fixed(delay)), budget: tokens, time: stage.strategies,
            spawner: stage.spawner)
        switch budget {
        case .tokens: return try stage.run { try await hedge.run { _ in try await attempts.run() } }
        case .share(let budget):
            // A hedge has no place for such a budget: who makes the call asks it for the second attempt.
            budget.began()
            defer { budget.ended() }
            let isAllowed = budget.beginRetry()
            defer { if isAllowed { budget.retryEnded() } }
            return try stage.run {
                try await hedge.run(mayOverlap: isAllowed) { _ in try await attempts.run() }
            }
        case .quota: throw Unsupported("config.with_: no quota bounds hedges")
        }
    }
}

extension Optional<BudgetedCall> {
    /// - Throws: What says that the vector has no strategy to run.
    func orThrow(_ step: Fields) throws -> BudgetedCall {
        guard let self else { throw Unsupported("config.with_: it is missing for \(step.path)") }
        return self
    }
}
