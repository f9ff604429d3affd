import Synchronization

/// What retries may cost at a time: a share of the calls that are under way.
///
/// Knows no time, so it fits calls that last long and few. A retry counts from the moment it is allowed, its wait
/// included, on both sides of the share (envoyproxy/envoy, `retry_budget`, whose issue #30205 is what happens otherwise).
public final class ConcurrencyRetryBudget: Sendable {
    /// What a budget allows.
    public struct Policy: Sendable, Hashable {
        /// The share of calls under way that may be retries. Range: 0 to 1. Default: 0.2.
        public var maximumShare: Double
        /// The retries under way that are allowed whatever their share. Range: 0 or more. Default: 3.
        public var floor: Int

        /// Creates a policy.
        public init(maximumShare: Double = 0.2, floor: Int = 3) {
            self.maximumShare = maximumShare
            self.floor = floor
        }
    }

    private let machine: Mutex<StateMachine>

    /// Creates a budget that knows of no call.
    public init(_ policy: Policy = Policy()) {
        policy.assertNoProblems(in: "a retry budget")
        machine = Mutex(StateMachine(policy))
    }

    /// Notes that a call is under way; ``ended()`` must follow.
    public func began() { machine.withLock { $0.began() } }

    /// Notes that a call, with all its retries, has ended.
    public func ended() { machine.withLock { $0.ended() } }

    /// Asks for a retry or a hedge; ``retryEnded()`` must follow if it is allowed.
    public func beginRetry() -> Bool { machine.withLock { $0.beginRetry() } }

    /// Notes that a retry has ended.
    public func retryEnded() { machine.withLock { $0.retryEnded() } }

    /// The calls and the retries that are under way.
    public var load: (calls: Int, retries: Int) { machine.withLock { ($0.calls, $0.retries) } }

    /// The decisions of the budget; no clock, lock, task or callback.
    struct StateMachine: Sendable {
        private let policy: Policy
        private(set) var calls = 0, retries = 0

        init(_ policy: Policy, calls: Int = 0, retries: Int = 0) {
            self.policy = policy
            self.calls = calls
            self.retries = retries
        }

        mutating func began() { calls += 1 }

        mutating func ended() { calls = max(0, calls - 1) }

        mutating func beginRetry() -> Bool {
            let share = Double(retries) / Double(max(1, calls))
            guard retries < policy.floor || share <= policy.maximumShare else { return false }
            retries += 1
            return true
        }

        mutating func retryEnded() { retries = max(0, retries - 1) }
    }
}
