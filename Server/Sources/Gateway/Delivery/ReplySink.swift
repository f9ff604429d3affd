public import Generation

/// Where a request's answer goes: exactly one of a whole answer, a stream with one end, or a refusal.
public protocol ReplySink: AnyObject, Sendable {
    /// Gives the caller a whole answer.
    ///
    /// - Throws: ``CallerLeft``.
    func deliver(_ reply: WholeReply, _ summary: DecisionSummary) async throws(CallerLeft)

    /// Begins a stream. From here on the answer cannot be replaced by another.
    func begin(_ summary: DecisionSummary) async throws(CallerLeft)

    /// Gives the caller a part of the stream; suspends while the caller is slow to read.
    func deliver(_ piece: ReplyPiece) async throws(CallerLeft)

    /// Ends the stream as complete.
    func finish() async throws(CallerLeft)

    /// Ends the stream as broken, in a way that nobody can take for complete.
    func interrupt(_ failure: AttemptFailure) async throws(CallerLeft)

    /// Tells the caller that there is no answer.
    func refuse(_ failure: GatewayFailure, _ summary: DecisionSummary) async throws(CallerLeft)
}

/// The caller is not there any more.
public struct CallerLeft: Error, Sendable, Hashable {
    /// Creates the error.
    public init() {}
}
