public import Generation

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
