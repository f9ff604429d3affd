extension RetryEvent: ResilienceEvent {
    /// The retry's name.
    public var strategy: String { retry }

    /// `retry_scheduled` before the wait for the next attempt, `retry_stopped` when there will be none.
    public var kind: String {
        switch step {
        case .retry: "retry_scheduled"
        case .stop: "retry_stopped"
        }
    }

    /// An error when the call gets its last failure, else a warning.
    public var severity: EventSeverity {
        switch step {
        case .retry: .warning
        case .stop: .error
        }
    }
}
