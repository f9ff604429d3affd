import Synchronization

/// What retries may cost in a row: a store of tokens that failures empty and successes fill. Needs no clock.
///
/// Two rules that are in wide use, as ``Rule`` says.
public final class RetryQuota: Sendable {
    /// How tokens come and go.
    @nonexhaustive
    public enum Rule: Sendable, Hashable {
        /// A retry takes `cost`, or `timeoutCost` after a timeout; a call that succeeds gives back what its last retry
        /// took, or `increment` if it was never retried (botocore, "standard" retry mode). Range: each 0
        /// or more.
        case returned(cost: Int = 5, timeoutCost: Int = 10, increment: Int = 1)
        /// A failure takes one token, a success gives `ratio`; retries are allowed while more than half is there
        /// (gRFC A6, "retry throttling"). Range: above 0.
        case throttled(ratio: Double = 0.1)
    }

    private let machine: Mutex<StateMachine>
    /// Whether every failure takes a token, and not only one that is to be retried.
    let takesForEveryFailure: Bool

    /// Creates a full quota.
    ///
    /// - Parameter capacity: The most tokens. Range: 1 or more. Default: 500.
    public init(_ rule: Rule = .returned(), capacity: Int = 500) {
        rule.assertNoProblems(in: "a retry quota")
        if case .throttled = rule { takesForEveryFailure = true } else { takesForEveryFailure = false }
        machine = Mutex(StateMachine(rule, capacity: capacity))
    }

    /// Asks for a retry after a failure.
    ///
    /// - Returns: What it took, to be given to ``succeeded(cost:)``; nil if it is not allowed.
    public func acquire(afterTimeout: Bool = false) -> Int? {
        machine.withLock { $0.acquire(afterTimeout: afterTimeout) }
    }

    /// Takes tokens for what the rule knows no price of.
    ///
    /// - Returns: False if fewer are there; then none were taken.
    public func take(_ tokens: Int) -> Bool { machine.withLock { $0.take(tokens) } }

    /// Notes a success.
    ///
    /// - Parameter cost: What the call's last retry took; 0 if it was never retried.
    public func succeeded(cost: Int = 0) { machine.withLock { $0.succeeded(cost: cost) } }

    /// The tokens that are there.
    public var tokens: Double { machine.withLock { $0.tokens } }

    /// The decisions of the quota; no clock, lock, task or callback.
    struct StateMachine: Sendable {
        private let rule: Rule
        private let capacity: Double
        private(set) var tokens: Double

        init(_ rule: Rule, capacity: Int) {
            self.rule = rule
            self.capacity = Double(max(1, capacity))
            tokens = self.capacity
        }

        mutating func acquire(afterTimeout: Bool) -> Int? {
            switch rule {
            case .returned(let cost, let timeoutCost, _):
                let cost = max(0, afterTimeout ? timeoutCost : cost)
                return take(cost) ? cost : nil
            case .throttled:
                tokens = max(0, tokens - 1)
                return tokens > capacity / 2 ? 1 : nil
            }
        }

        mutating func take(_ amount: Int) -> Bool {
            let amount = Double(max(0, amount))
            guard tokens >= amount else { return false }
            tokens -= amount
            return true
        }

        mutating func succeeded(cost: Int) {
            let gain: Double =
                switch rule {
                case .returned(_, _, let increment): Double(cost > 0 ? cost : max(0, increment))
                case .throttled(let ratio): max(0, ratio)
                }
            tokens = min(capacity, tokens + gain)
        }
    }
}
