extension AdaptiveRetry {
    /// What one call has behind it.
    struct Call: Sendable {
        fileprivate var retries: Retry.StateMachine
        /// The delays of each arm that was chosen.
        fileprivate var series: [Int: Backoff.Series] = [:]
        /// The retries since the waits began, or began anew.
        fileprivate var retriesInRow = 0
        fileprivate var waited = Duration.zero
        /// The arm that led to the attempt that runs.
        fileprivate var choice: RetryBandit<Key>.Choice?
    }

    /// What to do after a failed attempt.
    struct Decision: Sendable {
        var step: Retry.Step
        /// The number of the arm whose wait it is; nil when the server said when to come back.
        var arm: Int?
        /// Why the arm was chosen; nil when nothing is learned from it.
        var ground: RetryBandit<Key>.Choice.Ground?
    }

    /// The decisions of an adaptive retry; no clock, lock, task or callback.
    struct StateMachine: Sendable {
        private let policy: AdaptiveRetryPolicy
        private let limits: RetryPolicy
        private(set) var bandit: RetryBandit<Key>
        private var chance: Chance

        init(_ policy: AdaptiveRetryPolicy, chance: Chance) {
            let policy = policy.withinRange
            self.policy = policy
            bandit = RetryBandit(arms: policy.arms.map(\.name), policy: policy.learning)
            limits = RetryPolicy(
                maximumAttempts: policy.maximumAttempts, retryAfter: policy.retryAfter,
                maximumDuration: policy.maximumDuration)
            self.chance = chance
        }

        /// Begins a call's retries, after its first attempt has failed.
        func begin(startedAt: Instant, deadline: Instant?) -> Call {
            Call(retries: Retry.StateMachine(limits, startedAt: startedAt, deadline: deadline))
        }

        /// Decides after a failed attempt, and learns from it if an arm has led to it.
        ///
        /// - Parameters:
        ///   - key: What the failure was classified as; without it the fallback is used and nothing is learned.
        ///   - wish: What the server asked for.
        mutating func next(_ call: inout Call, key: Key?, retryAfter wish: Duration?, at now: Instant)
            -> Decision
        {
            settle(&call, succeeded: false, at: now)
            let choice: RetryBandit<Key>.Choice?, arm: Int?, random = chance.unit(), delay: Duration
            if let wish, policy.retryAfter.isBelieved {
                (choice, arm) = (nil, nil)
                let spread = min(max(.zero, policy.spread), .unbounded)
                delay = min(max(.zero, wish), .unbounded) + spread.saturating(times: random)
            } else {
                choice = key.map { bandit.choose(for: $0, at: now, using: &chance) }
                let index = choice?.arm ?? bandit.policy.fallback
                arm = index
                delay = call.series[index, default: Backoff.Series(policy.arms[index].backoff)]
                    .delay(attempt: call.retriesInRow, random: random)
            }
            let step = call.retries.next(retryAfter: wish, delay: delay, random: random, at: now)
            if case .retry(let wait, _) = step {
                call.choice = choice
                call.retriesInRow += 1
                if wish != nil, case .exact = policy.retryAfter {
                    (call.retriesInRow, call.series) = (0, [:])
                }
                call.waited += min(wait, .unbounded)
            }
            return Decision(step: step, arm: arm, ground: choice?.ground)
        }

        /// Learns from the attempt that an arm has led to.
        mutating func settle(_ call: inout Call, succeeded: Bool, at now: Instant) {
            guard let choice = call.choice else { return }
            call.choice = nil
            bandit.settle(choice, succeeded: succeeded, addedDelay: call.waited, at: now)
        }

        mutating func restore(_ memory: RetryBandit<Key>.Memory, away: Duration, at now: Instant) {
            bandit.restore(memory, away: away, at: now)
        }
    }
}
