public import Generation

/// Why a caller gets no answer.
public enum GatewayFailure: Error, Sendable, Hashable {
    /// Targets were asked and all failed; this is what the first one said, and when asking again may help.
    ///
    /// - Parameter isTriedOut: Whether the request has waited for as long as it may and asked again, or more retries
    ///   would do harm, so that its caller should not repeat it.
    case attemptsFailed(AttemptFailure, retryAfter: Duration?, isTriedOut: Bool = false)
    /// No target could be asked: all must be left alone for a time.
    case nobodyAvailable([TargetHealth.Refusal], retryAfter: Duration?)
    /// The time for the answer was up before anyone could be asked.
    case outOfTime
    /// Every target is expected to cost more dollars than are allowed.
    ///
    /// - Parameter isCallersLimit: Whether the request itself set the limit.
    case tooDear(cheapest: Double, limit: Double, isCallersLimit: Bool)

    /// When asking again may help.
    public var retryAfter: Duration? {
        switch self {
        case .attemptsFailed(_, let wait, _), .nobodyAvailable(_, let wait): wait
        case .outOfTime, .tooDear: nil
        }
    }
}
