extension RetryEvent: ResilienceEvent {
    /// The retry's name.
    public var strategy: String { retry }
    /// `retry_scheduled` before the wait for the next attempt, `retry_stopped` when there will be none.
    public var kind: String { step.kind }
    /// An error when a call that is worth a retry gets none, a warning before a retry; debug when the caller's judge wanted
    /// none or the caller was cancelled, since that is as it should be.
    public var severity: EventSeverity { step.severity }
}

extension Retry.Step {
    /// What retries of all kinds report of a step.
    var kind: String {
        switch self {
        case .retry: "retry_scheduled"
        case .stop: "retry_stopped"
        }
    }

    var severity: EventSeverity {
        switch self {
        case .retry: .warning
        case .stop(.unhandled), .stop(.cancelled): .debug
        case .stop: .error
        }
    }
}
