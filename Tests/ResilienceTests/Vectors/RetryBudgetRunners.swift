import Synchronization

@testable import Resilience

/// Which budget a vector is about.
enum RetryBudgets {
    static func runner(_ config: Fields) throws -> any PatternRunner {
        let type = try config.required("type")
        switch try type.text() {
        case "concurrency": return try ConcurrencyBudgetRunner(config)
        case "aws_quota", "aws": return try RetryQuotaRunner(config)
        case let name where name.hasPrefix("grpc") || config.has("max_tokens"):
            return try RetryQuotaRunner(config)
        case "token": return try TokenBudgetRunner(config)
        default: throw type.unknown
        }
    }
}

/// Plays retry budget vectors of the token form.
struct TokenBudgetRunner: PatternRunner {
    private let stage = Stage()
    private let budget: RetryBudget
    private let with: BudgetedCall?

    init(_ config: Fields) throws {
        let usual = RetryBudget.Policy(minimumPerSecond: 0)
        budget = RetryBudget(
            RetryBudget.Policy(
                ratio: try config.number("ratio") ?? usual.ratio,
                minimumPerSecond: try config.int("min_per_sec") ?? usual.minimumPerSecond,
                timeToLive: try config.duration("ttl_ms") ?? usual.timeToLive), time: stage.strategies)
        with = try BudgetedCall(config)
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "deposit": budget.deposit()
        case "advance": try stage.advance(by: try step.required("ms").duration())
        case "withdraw": seen["allowed"] = .bool(budget.withdraw())
        case "run": seen = try with.orThrow(step).play(step, .tokens(budget), stage)
        default: throw Unsupported("\(step.path).op: of no budget of tokens that expire")
        }
        seen["tokens"] = JSON(budget.balance)
        seen["retry_allowed"] = .bool(budget.balance > 0)
        return seen
    }
}

/// Plays retry budget vectors of the form that counts what is under way.
struct ConcurrencyBudgetRunner: PatternRunner {
    private let stage = Stage()
    private let budget: ConcurrencyRetryBudget
    private let with: BudgetedCall?

    init(_ config: Fields) throws {
        let usual = ConcurrencyRetryBudget.Policy()
        budget = ConcurrencyRetryBudget(
            ConcurrencyRetryBudget.Policy(
                maximumShare: try config.number("max_rate") ?? usual.maximumShare,
                floor: try config.int("min_concurrency") ?? usual.floor))
        with = try BudgetedCall(config)
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "preset": try preset(step)
        case "acquire_retry": seen["allowed"] = .bool(budget.beginRetry())
        case "release_retry":
            guard budget.load.retries > 0 else { throw Unsupported("\(step.path): no retry is under way") }
            budget.retryEnded()
        case "run": seen = try with.orThrow(step).play(step, .share(budget), stage)
        default: throw Unsupported("\(step.path).op: of no budget of calls under way")
        }
        return seen
    }

    /// Brings as many calls and retries under way. Many calls for a moment let any number of retries pass.
    private func preset(_ step: Fields) throws {
        let (calls, retries) = (try step.count("executions"), try step.count("retries"))
        let (before, crowd) = (budget.load, 10_000)
        for _ in before.calls..<max(before.calls, calls + crowd) { budget.began() }
        for _ in before.retries..<max(before.retries, retries) { _ = budget.beginRetry() }
        while budget.load.calls > calls { budget.ended() }
        while budget.load.retries > retries { budget.retryEnded() }
        guard budget.load == (calls, retries) else { throw Unsupported("\(step.path): out of reach") }
    }
}

/// Plays retry budget vectors of AWS's quota and of gRPC's throttling.
struct RetryQuotaRunner: PatternRunner {
    private let stage = Stage()
    private let quota: RetryQuota
    private let capacity: Int
    private let isThrottling: Bool
    private let with: BudgetedCall?

    init(_ config: Fields) throws {
        let type = try config.required("type").text()
        isThrottling = type.hasPrefix("grpc") || config.has("max_tokens")
        let rule: RetryQuota.Rule
        if isThrottling {
            rule = .throttled(ratio: try config.number("token_ratio") ?? config.number("ratio") ?? 0.1)
            capacity = try config.required("max_tokens").int()
        } else {
            rule = .returned(
                cost: try config.int("retry_cost") ?? 5, timeoutCost: try config.int("timeout_cost") ?? 10,
                increment: try config.int("no_retry_increment") ?? 1)
            capacity = try config.int("capacity") ?? 500
        }
        quota = RetryQuota(rule, capacity: capacity)
        with = try BudgetedCall(config)
    }

    mutating func perform(_ op: String, _ step: Fields) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "acquire":
            let kind = step["kind"], word = try kind?.text() ?? "error"
            guard ["error", "timeout"].contains(word) else { throw (kind ?? step).unknown }
            seen["allowed"] = .bool(quota.acquire(afterTimeout: word == "timeout") != nil)
        case "settle":
            let (status, cost) = (try step.required("status").int(), try step.int("cost") ?? 0)
            if (200..<400).contains(status) { quota.succeeded(cost: cost) }
        case "take": seen["allowed"] = .bool(quota.take(try step.required("n").int()))
        case "give":
            let tokens = try step.required("n").int()
            if tokens > 0 { give(tokens) }
        case "rpc": seen = try answered(step)
        case "run": seen = try with.orThrow(step).play(step, .quota(quota), stage)
        case "inspect": break
        default: throw Unsupported("\(step.path).op: of no quota")
        }
        seen["capacity"] = .number(quota.tokens)
        seen["tokens"] = .number(quota.tokens)
        if seen["retry_allowed"] == nil {
            seen["retry_allowed"] = .bool(
                isThrottling ? 2 * quota.tokens > Double(capacity) : quota.tokens >= 1)
        }
        return seen
    }

    /// What a retry took comes back; a quota that is throttled gets as much for so many successes.
    private func give(_ tokens: Int) {
        guard isThrottling else { return quota.succeeded(cost: tokens) }
        for _ in 0..<tokens { quota.succeeded() }
    }

    /// Notes the outcomes of calls.
    private func answered(_ step: Fields) throws -> [String: JSON] {
        let outcome = try step.required("outcome").outcome()
        var seen: [String: JSON] = [:]
        for _ in 0..<(try step.count("times")) {
            if outcome.isSuccess {
                quota.succeeded()
            } else {
                let isAllowed = JSON.bool(quota.acquire() != nil)
                (seen["retry_allowed"], seen["allowed"]) = (isAllowed, isAllowed)
            }
        }
        return seen
    }
}
