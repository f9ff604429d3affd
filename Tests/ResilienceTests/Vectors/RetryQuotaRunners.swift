@testable import Resilience

/// Plays retry budget vectors of the form that counts what is under way.
struct ConcurrencyBudgetRunner: PatternRunner {
    private let config: JSON
    private var machine: ConcurrencyRetryBudget.StateMachine

    init(_ config: JSON) throws {
        self.config = config
        machine = ConcurrencyRetryBudget.StateMachine(Self.policy(config))
    }

    private static func policy(_ config: JSON) -> ConcurrencyRetryBudget.Policy {
        ConcurrencyRetryBudget.Policy(
            maximumShare: config["max_rate"]?.number ?? 0.2, floor: config["min_concurrency"]?.int ?? 3)
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        switch op {
        case "preset":
            machine = ConcurrencyRetryBudget.StateMachine(
                Self.policy(config), calls: step["executions"]?.int ?? 0, retries: step["retries"]?.int ?? 0)
            return [:]
        case "acquire_retry": return ["allowed": .bool(machine.beginRetry())]
        case "run": return try run(step)
        default: throw Unsupported("operation \(op) of a concurrency budget")
        }
    }

    private mutating func run(_ step: JSON) throws -> [String: JSON] {
        machine.began()
        defer { machine.ended() }
        switch config["with_"]?.string {
        case "retry":
            let outcomes = (step["outcomes"]?.list ?? []).compactMap(\.string)
            for (index, outcome) in outcomes.enumerated() where outcome == "success" || !machine.beginRetry()
            {
                let result = outcome == "success" ? outcome : "budget_exceeded"
                return ["executions": .number(Double(index + 1)), "result": .string(result)]
            }
            throw Unsupported("a retry that the vector does not know")
        case "hedge":
            let isAllowed = machine.beginRetry(), attempts = step["attempts"]?.list ?? []
            return [
                "executions": .number(isAllowed ? 2 : 1), "hedges": .number(isAllowed ? 1 : 0),
                "result": attempts.first?["outcome"] ?? .null,
            ]
        default: throw Unsupported("with \(config["with_"] ?? .null)")
        }
    }
}

/// Plays retry budget vectors of AWS's quota and of gRPC's throttling.
struct RetryQuotaRunner: PatternRunner {
    private var machine: RetryQuota.StateMachine

    init(_ config: JSON) throws {
        let rule: RetryQuota.Rule =
            switch config["type"]?.string {
            case "aws_quota":
                .returned(
                    cost: config["retry_cost"]?.int ?? 5, timeoutCost: config["timeout_cost"]?.int ?? 10,
                    increment: config["no_retry_increment"]?.int ?? 1)
            case "grpc": .throttled(ratio: (config["token_ratio"] ?? config["ratio"])?.number ?? 0.1)
            default: throw Unsupported("retry budget of type \(config["type"] ?? .null)")
            }
        machine = RetryQuota.StateMachine(
            rule, capacity: (config["capacity"] ?? config["max_tokens"])?.int ?? 500)
    }

    mutating func perform(_ op: String, _ step: JSON) throws -> [String: JSON] {
        var seen: [String: JSON] = [:]
        switch op {
        case "acquire":
            seen["allowed"] = .bool(machine.acquire(afterTimeout: step["kind"]?.string == "timeout") != nil)
        case "settle":
            if let status = step["status"]?.int, (200..<400).contains(status) {
                machine.succeeded(cost: step["cost"]?.int ?? 0)
            }
        case "inspect": break
        default: throw Unsupported("operation \(op) of a retry quota")
        }
        seen["capacity"] = .number(machine.tokens)
        return seen
    }
}
