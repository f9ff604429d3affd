public import Generation

/// How much of a provider's rate limit is left: a token bucket that follows what is configured, what responses say and
/// when the provider refuses. A decision: no clock, lock or task.
public struct HeadroomEstimate: Sendable, Hashable {
    /// The limit, if it was told; else it is guessed from refusals.
    private var limit: RateLimit?
    /// Whether the operator told it, so that responses only say how much of it is left.
    private let isConfigured: Bool
    /// Tokens a second; nil as long as no limit is known. Less than the limit's for a time after a refusal.
    private var rate: Double?
    private var burst: Double
    private var tokens: Double
    private var updated = 0.0
    private var blockedUntil = 0.0
    /// How often a second it is asked, over about a minute; a limit that nobody told of is guessed from it.
    private var asked = 0.0

    /// Creates an estimate of a full bucket.
    ///
    /// - Parameter limit: What is configured; nil if nothing is.
    public init(_ limit: RateLimit? = nil) {
        self.limit = limit
        isConfigured = limit != nil
        rate = limit?.requestsPerSecond
        burst = limit?.burst ?? 1
        tokens = burst
    }

    /// Whether a limit is known: from the configuration, from responses or from refusals.
    public var isKnown: Bool { rate != nil }

    /// The limit that responses told; nil if they did not, or one is configured.
    public var learnedLimit: RateLimit? { isConfigured ? nil : limit }

    /// The share of the bucket that is used. Range: 0 to 1.
    public mutating func used(at seconds: Double) -> Double { look(at: seconds).used }

    /// The share of the bucket that is used, and the seconds until a request would be let through.
    @inline(__always)
    mutating func look(at seconds: Double) -> (used: Double, wait: Double) {
        let blocked = max(0, blockedUntil - seconds)
        guard let rate else { return (0, blocked) }
        refill(at: seconds)
        return (
            min(1, max(0, 1 - tokens / burst)), tokens < 1 ? max(blocked, (1 - tokens) / rate) : blocked
        )
    }

    /// Whether the provider asked to be left alone now.
    public func isBlocked(at seconds: Double) -> Bool { seconds < blockedUntil }

    /// Seconds until a request would be let through, as far as is known; 0 if it would now.
    public mutating func wait(at seconds: Double) -> Double { look(at: seconds).wait }

    /// A request is made.
    public mutating func take(at seconds: Double) {
        refill(at: seconds)
        if rate != nil { tokens -= 1 }
        asked += 1.0 / 60
    }

    /// The provider refused a request because of its limit.
    ///
    /// - Parameter wait: Seconds for which it asked to be left alone; at most 5 are believed, since one refused request is
    ///   cheaper than a provider that is forgotten.
    public mutating func refused(retryAfter wait: Double, at seconds: Double) {
        refill(at: seconds)
        if rate == nil { burst = max(1, asked * 2) }
        let known = rate ?? max(asked, 0.1)
        rate = max(0.05 * (limit?.requestsPerSecond ?? known), known * 0.7)
        tokens = 0
        blockedUntil = seconds + min(max(0, wait), 5)
    }

    /// A request was answered.
    ///
    /// - Parameter notice: What the response says of the limit; nil if it says nothing.
    public mutating func answered(_ notice: RateLimitNotice?, at seconds: Double) {
        if !isConfigured, let notice, let told = notice.limit { learn(told, left: notice.left) }
        guard let known = rate else { return }
        if let limit {
            if known < limit.requestsPerSecond {
                rate = min(limit.requestsPerSecond, known * 1.03 + 0.002 * limit.requestsPerSecond)
            }
        } else {
            rate = known * 1.03
            if known > 8 * max(asked, 0.1) {
                // It was asked for much less than this for long: the limit that was met is gone.
                rate = nil
                return
            }
        }
        refill(at: seconds)
        if let notice { believe(notice.left) }
    }

    /// A response says how much is allowed. With a limit that begins anew at certain times, what is used comes back all at
    /// once: then it seems little soon after that, so the most that was seen is forgotten only slowly.
    private mutating func learn(_ told: RateLimit, left: Double) {
        guard let known = limit else {
            (limit, rate, burst) = (told, told.requestsPerSecond, told.burst)
            tokens = burst * min(1, max(0, left))
            return
        }
        let old = known.requestsPerSecond
        let new = max(told.requestsPerSecond, 0.95 * old + 0.05 * told.requestsPerSecond)
        if rate == old { rate = new }
        limit = RateLimit(requestsPerSecond: new, burst: told.burst)
        burst = told.burst
        tokens = min(tokens, burst)
    }

    /// Goes half of the way to what a response says is left. More than was thought is believed only of a limit that
    /// responses told: of one that is configured, others may use the rest.
    private mutating func believe(_ left: Double) {
        let said = min(1, max(0, left)) * burst
        if said < tokens - 1 || limit != nil && !isConfigured && said > tokens + 1 {
            tokens = max(0, 0.5 * (tokens + said))
        }
    }

    private mutating func refill(at seconds: Double) {
        let passed = seconds - updated
        guard passed > 0 else { return }
        if let rate { tokens = min(burst, tokens + passed * rate) }
        asked *= max(0, 1 - passed / 60)
        updated = seconds
    }
}
