/// What a retry reports.
public struct RetryEvent: Sendable, Hashable {
    /// The name of the retry.
    public var retry: String
    /// What it decided after a failed attempt, or that its wait was cut short.
    public var step: Retry.Step
}
