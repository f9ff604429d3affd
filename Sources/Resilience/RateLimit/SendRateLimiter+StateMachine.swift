extension SendRateLimiter {
    /// The answer to a call that wants to be sent.
    enum Entry: Sendable, Hashable {
        /// It may be sent after this time.
        case admitted(after: Duration)
        /// It would have to wait longer than it may.
        case refused(wait: Duration)
    }

    /// The decisions of a send rate limiter; no clock, lock, task or callback. A clock that goes back stands still.
    struct StateMachine: Sendable {
        /// The rate is measured over so many seconds at a time, and more until it is of so many calls.
        private static let slice = 0.5, longestSlice = 5.0, callsOfSlice = 4.0

        private let policy: SendRateLimiterPolicy
        private var latest: Instant

        /// The calls per second; nil until a call was refused.
        private(set) var rate: Double?
        private var cubic: CubicRate
        private var throttledAt: Instant?
        /// The calls that may be sent now; below zero when some are promised.
        private var level = 0.0
        private var refilled: Instant

        /// The calls per second that were sent lately.
        private(set) var measured = 0.0
        private var sent = 0.0
        private var sliceBegin: Instant

        init(_ policy: SendRateLimiterPolicy, at now: Instant) {
            let policy = policy.withinRange
            self.policy = policy
            cubic = CubicRate(ceiling: 0, beta: policy.beta, scale: policy.scale)
            (latest, refilled, sliceBegin) = (now, now, now)
        }

        /// Finds the call's turn.
        ///
        /// - Parameter limit: How long it may wait at most, if not for as long as the policy says.
        mutating func enter(upTo limit: Duration, at now: Instant) -> Entry {
            latest = max(latest, now)
            guard let rate else { return .admitted(after: .zero) }
            refill(rate)
            let wait = level >= 1 ? Duration.zero : .seconds((1 - level) / rate)
            guard wait <= min(limit, policy.maximumWait) else { return .refused(wait: wait) }
            level -= 1
            return .admitted(after: wait)
        }

        /// A call that was admitted will not be sent. Those behind it keep their turns.
        mutating func withdraw() {
            if let rate { level = min(level + 1, max(1, rate)) }
        }

        /// Notes that a call is sent.
        mutating func send(at now: Instant) {
            latest = max(latest, now)
            sent += 1
            let elapsed = latest.since(sliceBegin) / .seconds(1)
            if elapsed >= Self.slice, sent >= Self.callsOfSlice || elapsed >= Self.longestSlice {
                measured = 0.8 * sent / elapsed + 0.2 * measured
                (sent, sliceBegin) = (0, latest)
            }
        }

        /// Notes the answer to a call.
        ///
        /// Refusals of calls that were admitted before the rate was last lowered do not lower it again: they say nothing
        /// about the new one.
        ///
        /// - Parameter admittedAt: The moment at which ``enter(upTo:at:)`` let the call in.
        /// - Returns: True if the rate was lowered.
        mutating func answered(admittedAt: Instant, isThrottled: Bool, at now: Instant) -> Bool {
            latest = max(latest, now)
            if isThrottled {
                if let throttledAt, admittedAt <= throttledAt { return false }
                // Before the first slice is full there is no better guess than what it holds.
                let speed = measured > 0 ? measured : max(1, sent) / Self.slice
                let tooHigh = max(min(speed, rate ?? speed), policy.minimumRate)
                if rate == nil { (level, refilled) = (0, latest) }
                throttledAt = latest
                follow(cubic.throttled(at: tooHigh, after: latest.sinceOrigin))
                return true
            }
            if rate != nil { follow(cubic.rate(after: latest.sinceOrigin)) }
            return false
        }

        /// Never more than twice what is sent, so that an idle time is no licence for a flood.
        private mutating func follow(_ wanted: Double) {
            if let rate { refill(rate) }
            let most = measured > 0 ? 2 * measured : wanted
            rate = min(max(min(wanted, most), policy.minimumRate), Double(RateLimiter.Plan.mostPermits))
        }

        private mutating func refill(_ rate: Double) {
            let elapsed = latest.since(refilled) / .seconds(1)
            level = min(level + elapsed * rate, max(1, rate))
            refilled = latest
        }
    }
}
