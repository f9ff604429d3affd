/// How much of a provider's rate limit is left: a token bucket that follows what is configured, what responses say and
/// when the provider refuses. A decision: no clock, lock or task.
public struct HeadroomEstimate: Sendable, Hashable {
    /// The limit that is configured; nil if none is known.
    private let configured: (rate: Double, burst: Double)?
    /// Tokens a second; nil as long as no limit is known.
    private var rate: Double?
    private var burst: Double
    private var tokens: Double
    private var updated = 0.0
    private var blockedUntil = 0.0
    /// How often a second it is asked, over about a minute; a limit that nobody told of is guessed from it.
    private var asked = 0.0

    /// Creates an estimate of a full bucket.
    public init(requestsPerSecond: Double?, burst: Double?) {
        let capacity = max(1, burst ?? requestsPerSecond ?? 1)
        configured = requestsPerSecond.map { (max(1e-6, $0), capacity) }
        rate = configured?.rate
        self.burst = capacity
        tokens = capacity
    }

    /// Whether a limit is known, from the configuration or from refusals.
    public var isKnown: Bool { rate != nil }

    /// The share of the bucket that is used. Range: 0 to 1.
    public mutating func used(at seconds: Double) -> Double {
        guard rate != nil else { return 0 }
        refill(at: seconds)
        return min(1, max(0, 1 - tokens / burst))
    }

    /// Whether the provider asked to be left alone now.
    public func isBlocked(at seconds: Double) -> Bool { seconds < blockedUntil }

    /// Seconds until a request would be let through, as far as is known; 0 if it would now.
    public mutating func wait(at seconds: Double) -> Double {
        var wait = max(0, blockedUntil - seconds)
        if let rate {
            refill(at: seconds)
            if tokens < 1 { wait = max(wait, (1 - tokens) / rate) }
        }
        return wait
    }

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
        rate = max(0.05 * (configured?.rate ?? known), known * 0.7)
        tokens = 0
        blockedUntil = seconds + min(max(0, wait), 5)
    }

    /// A request was answered.
    ///
    /// - Parameter remaining: The share of the limit that the response says is left; nil if it says nothing.
    public mutating func answered(remaining: Double?, at seconds: Double) {
        guard let known = rate else { return }
        if let configured {
            if known < configured.rate {
                rate = min(configured.rate, known * 1.03 + 0.002 * configured.rate)
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
        guard let remaining, remaining >= 0 else { return }
        let said = remaining * burst
        if said < tokens - 1 { tokens = max(0, 0.5 * (tokens + said)) }
    }

    private mutating func refill(at seconds: Double) {
        let passed = seconds - updated
        guard passed > 0 else { return }
        if let rate { tokens = min(burst, tokens + passed * rate) }
        asked *= max(0, 1 - passed / 60)
        updated = seconds
    }

    /// Whether two estimates are the same.
    public static func == (one: Self, other: Self) -> Bool {
        (one.rate, one.burst, one.tokens) == (other.rate, other.burst, other.tokens)
            && (one.updated, one.blockedUntil, one.asked) == (other.updated, other.blockedUntil, other.asked)
    }

    /// Hashes what changes.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(rate)
        hasher.combine(tokens)
        hasher.combine(updated)
    }
}
