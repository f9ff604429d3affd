/// The ways of retrying that an ``AdaptiveRetry`` chooses from, and what bounds them all.
public struct AdaptiveRetryPolicy: Sendable, Hashable {
    /// A way of retrying.
    public struct Arm: Sendable, Hashable {
        /// Its name in events, statistics and memories; each arm has its own.
        public var name: String
        /// The waits. Its delay before the n-th retry of a call is that of its own n-th, whatever arms were chosen before.
        public var backoff: Backoff

        /// Creates an arm.
        public init(_ name: String, _ backoff: Backoff) {
            self.name = name
            self.backoff = backoff
        }

        /// After 20 ms.
        public static let immediate = Arm(
            "immediate",
            Backoff(base: .milliseconds(20), growth: .constant, jitter: .proportional(0.1)))
        /// After 1 s.
        public static let fixed = Arm(
            "fixed", Backoff(base: .seconds(1), growth: .constant, jitter: .proportional(0.1)))
        /// After a time between 0 and 1 s, then 2 s, 4 s and so on up to 60 s.
        public static let fullJitter = Arm(
            "full_jitter", Backoff(base: .seconds(1), jitter: .full, maximum: .seconds(60)))
        /// After 1 s, then 2 s, 4 s and so on up to 60 s.
        public static let exponential = Arm(
            "exponential", Backoff(base: .seconds(1), jitter: .proportional(0.1), maximum: .seconds(60)))
        /// After 0.5 s to 1.5 s, then up to three times the last wait of this arm, up to 60 s.
        public static let decorrelated = Arm(
            "decorrelated",
            Backoff(base: .milliseconds(500), jitter: .decorrelated, maximum: .seconds(60)))
    }

    /// The arms; the first is the one that ``RetryBanditPolicy/fallback`` names unless it says otherwise.
    /// Range: 1 to 64. Default: full jitter, immediate, fixed, exponential.
    public var arms: [Arm] = [.fullJitter, .immediate, .fixed, .exponential]
    /// How the choice is learned.
    public var learning = RetryBanditPolicy()
    /// How often the operation runs at most, the first time included; nil for no limit. Range: 1 or more. Default: 4.
    public var maximumAttempts: Int? = 4
    /// The time after the start from which a failure is not retried; a wait that began before it is kept to, and its
    /// attempt made. Range: 0 or more. Default: nil, none.
    public var maximumDuration: Duration?
    /// What a server's Retry-After does. Default: honoured up to 60 s.
    ///
    /// When it is honoured or kept to exactly, no arm is chosen and nothing is learned: the server knows better.
    public var retryAfter = RetryPolicy.RetryAfter.honoured(ceiling: .seconds(60))
    /// The most that is added by chance to a wait that the server asked for, so that callers do not come back in step;
    /// nothing is added to one that is kept to exactly. Range: 0 or more. Default: 300 ms.
    public var spread = Duration.milliseconds(300)

    /// Creates the default policy.
    public init() {}

    /// The same with as many arms as there may be.
    var withinRange: AdaptiveRetryPolicy {
        var policy = self
        policy.arms = arms.isEmpty ? [.fullJitter] : Array(arms.prefix(RetryBanditPolicy.mostArms))
        return policy
    }
}
