/// How hard a route tries.
public struct RetrySettings: Sendable, Hashable {
    /// The attempts that one request may cost, over all targets. Range: 1 to 20. Default: 5.
    public var maximumAttempts: Int
    /// How long one request may wait in all, for a Retry-After or a backoff. Default: 2.5 s.
    public var patience: Duration

    /// Creates settings.
    public init(maximumAttempts: Int = 5, patience: Duration = .milliseconds(2500)) {
        self.maximumAttempts = maximumAttempts
        self.patience = patience
    }
}
