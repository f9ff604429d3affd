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

/// What a caller is told about how its answer came about.
public struct DecisionSummary: Sendable, Hashable {
    /// The identity of the request, by which the whole decision can be asked for.
    public var id: RequestID
    /// Who answered, or was asked last.
    public var provider: String?
    /// The model that answered, by the provider's name for it.
    public var model: String?
    /// How many attempts were made.
    public var attempts: Int
    /// The time the request spent in the gateway itself: neither at providers nor waiting.
    public var overhead: Duration
    /// Why the answer is not good enough, if it is given for want of a better one.
    public var flaw: String?

    /// Creates a summary.
    public init(id: RequestID, provider: String?, model: String?, attempts: Int, overhead: Duration) {
        self.id = id
        self.provider = provider
        self.model = model
        self.attempts = attempts
        self.overhead = overhead
    }
}
