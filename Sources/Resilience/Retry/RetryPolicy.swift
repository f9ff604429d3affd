/// How often and after which waits a failed call is made again.
public struct RetryPolicy: Sendable, Hashable {
    /// What a server's Retry-After does to the wait. A negative one always means: do not come back.
    @nonexhaustive
    public enum RetryAfter: Sendable, Hashable {
        /// The wait is never shorter than the server asked for; if it asked for more than `ceiling`, the call is not
        /// retried at all, so that it can go elsewhere instead of sleeping. Range: 0 or more.
        case honoured(ceiling: Duration)
        /// The server's wish lengthens the wait by at most this much (AWS's newer retry mode). Range: 0 or more.
        case clamped(Duration)
        /// The wait is what the server asked for, no shorter and no longer, and the waits after it begin anew with the
        /// first of the backoff (gRFC A6, "pushback"); if it asked for more than `ceiling`, the call is not retried.
        case exact(ceiling: Duration)
        /// The server's wish is not looked at.
        case ignored

        /// Whether the server's wish decides alone.
        var isBelieved: Bool {
            switch self {
            case .honoured, .exact: true
            case .clamped, .ignored: false
            }
        }
    }

    /// How often the operation runs at most, the first time included; nil for no limit. Range: 1 or more. Default: 3.
    public var maximumAttempts: Int?
    /// The waits between attempts.
    public var backoff: Backoff
    /// What a server's Retry-After does. Default: honoured up to 60 s.
    public var retryAfter: RetryAfter
    /// The time after the start from which a failure is not retried; a wait that began before it is kept to, and its
    /// attempt made. Range: 0 or more. Default: nil, none.
    public var maximumDuration: Duration?

    /// Creates a policy.
    public init(
        maximumAttempts: Int? = 3, backoff: Backoff = Backoff(),
        retryAfter: RetryAfter = .honoured(ceiling: .seconds(60)), maximumDuration: Duration? = nil
    ) {
        self.maximumAttempts = maximumAttempts
        self.backoff = backoff
        self.retryAfter = retryAfter
        self.maximumDuration = maximumDuration
    }
}
