/// A baseline that learns from what attempts were worth. What callers did wrong says nothing of a provider.
protocol Bandit: Baseline {
    /// Learns what an attempt was worth. Range of the reward: 0 ... 1.
    mutating func learn(
        _ reward: Double, from attempt: SimulatedAttempt, of request: SimulatedRequest, at time: Double)

    /// Forgets an attempt that teaches nothing. Default: there is nothing to forget.
    mutating func forget(_ attempt: SimulatedAttempt, of request: SimulatedRequest)
}

extension Bandit {
    mutating func forget(_ attempt: SimulatedAttempt, of request: SimulatedRequest) {}

    /// Learns what it was worth.
    public mutating func ended(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, _ result: SimulatedResult, at time: Double
    ) {
        guard result.kind != .badRequest else { return forget(attempt, of: request) }
        let reward = providers.reward(for: request.request, at: attempt.provider, result)
        learn(reward, from: attempt, of: request, at: time)
    }

    /// Nothing is learned.
    public mutating func cancelled(
        _ attempt: SimulatedAttempt, of request: SimulatedRequest, hadFirstToken: Bool, at time: Double
    ) {
        forget(attempt, of: request)
    }
}
