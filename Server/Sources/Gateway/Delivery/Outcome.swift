import Generation

/// What the stages of a request's path have come to. A stage returns it to the one before; only the last one to see it
/// tells the caller.
enum Outcome: Sendable {
    /// The caller has its answer, whole or to the end of its stream.
    case answered
    /// No target gave an answer, and nothing has reached the caller. The answer that was not good enough, if there is one
    /// to be given for want of a better one.
    case failed(GatewayFailure, RejectedAnswer?)
    /// The answer broke off after a part of it had reached the caller.
    case interrupted(AttemptFailure)
    /// Nobody was asked, and why.
    case refused(GatewayFailure)
    /// The caller is not there any more.
    case callerLeft
}
