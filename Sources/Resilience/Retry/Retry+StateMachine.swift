extension Retry {
    /// Why a call is not retried any more.
    @nonexhaustive
    public enum StopReason: String, Sendable, Hashable {
        /// The operation ran as often as it may.
        case attempts
        /// The policy's maximum duration has passed.
        case duration
        /// The wait and the attempt would not end before the caller's deadline.
        case deadline
        /// The server asked for a longer wait than the policy's ceiling.
        case retryAfter = "retry_after"
        /// The retry budget is spent.
        case budget
        /// The caller's judge says that the error is not worth a retry.
        case unhandled
        /// The caller was cancelled during the attempt or the wait.
        case cancelled

        /// Why there is no retry when the policy was not asked.
        static var refusal: StopReason { Task.isCancelled ? .cancelled : .unhandled }
    }

    /// What to do after an attempt.
    @nonexhaustive
    public enum Step: Sendable, Hashable {
        /// Wait this long, then try again; the attempt number counts retries from 1.
        case retry(after: Duration, attempt: Int)
        /// Give the last result to the caller.
        case stop(StopReason)
    }

    /// The decisions of one call's retries; no clock, lock, task or callback.
    public struct StateMachine: Sendable {
        private let policy: RetryPolicy
        private let startedAt: Instant
        private let deadline: Instant?
        private var series: Backoff.Series
        private var attempts = 1

        /// Begins when the first attempt begins.
        ///
        /// - Parameter deadline: The moment at which the caller wants its answer.
        public init(_ policy: RetryPolicy, startedAt: Instant, deadline: Instant? = nil) {
            self.policy = policy
            self.startedAt = startedAt
            self.deadline = deadline
            series = Backoff.Series(policy.backoff)
        }

        /// Decides after a failed attempt. The budget is not asked here; it is the last to be asked.
        ///
        /// - Parameters:
        ///   - retryAfter: What the server asked for. A negative wish means: do not come back.
        ///   - delay: A wait that replaces the computed one; a negative one does not.
        ///   - expected: How long the next attempt is expected to take; a retry that would end past the deadline is
        ///     not begun.
        ///   - random: A number in 0 ... 1 from the caller's generator.
        public mutating func next(
            retryAfter: Duration? = nil, delay: Duration? = nil, expecting expected: Duration = .zero,
            random: Double, at now: Instant
        ) -> Step {
            if let limit = policy.maximumAttempts, attempts >= limit { return .stop(.attempts) }
            if let limit = policy.maximumDuration, now.since(startedAt) >= limit { return .stop(.duration) }
            guard let wait = wait(asked: retryAfter, replacing: delay, random: random) else {
                return .stop(.retryAfter)
            }
            if let deadline, now.advanced(by: wait).advanced(by: expected) >= deadline {
                return .stop(.deadline)
            }
            defer { attempts += 1 }
            return .retry(after: wait, attempt: attempts)
        }

        private mutating func wait(asked: Duration?, replacing delay: Duration?, random: Double) -> Duration?
        {
            guard let asked else { return computed(delay, random) }
            guard asked >= .zero else { return nil }
            switch policy.retryAfter {
            case .ignored: return computed(delay, random)
            case .clamped(let spread):
                let computed = computed(delay, random)
                return min(max(asked, computed), computed + min(max(.zero, spread), .unbounded))
            case .honoured(let ceiling):
                let computed = computed(delay, random)
                return asked > ceiling ? nil : max(computed, asked)
            case .exact(let ceiling):
                series = Backoff.Series(policy.backoff)
                return asked > ceiling ? nil : min(asked, .unbounded)
            }
        }

        private mutating func computed(_ delay: Duration?, _ random: Double) -> Duration {
            guard let delay, delay >= .zero else { return series.next(random: random) }
            return min(delay, .unbounded)
        }
    }
}
