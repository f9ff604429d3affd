/// Why an attempt at a provider failed.
public struct AttemptFailure: Error, Sendable, Hashable {
    /// What kind of trouble it was.
    public var kind: FailureClass
    /// A short word for the exact cause, such as `refused`, `reset` or `empty`; the failure table is asked by it.
    public var cause: String
    /// The phase in which it failed.
    public var phase: Phase
    /// The HTTP status, if a response's head arrived.
    public var status: Int?
    /// The provider's own error code, at most 100 characters.
    public var code: String?
    /// The request's field that the provider complains about, at most 100 characters.
    public var field: String?
    /// The provider's words or ours, free of secrets, at most 2,000 characters.
    public var message: String
    /// How long the provider asked us to stay away.
    public var retryAfter: Duration?
    /// The bytes of the response that had arrived.
    public var bytesReceived: Int
    /// Whether a part of the request may have reached the provider.
    public var requestWasSent: Bool
    /// The limit that was exceeded; nil if time was not the trouble, or the provider said so itself.
    public var limit: PhaseLimits.Name?

    /// Creates a failure; texts that are too long are cut.
    public init(
        _ kind: FailureClass, cause: String, phase: Phase, status: Int? = nil, code: String? = nil,
        field: String? = nil, message: String, retryAfter: Duration? = nil, bytesReceived: Int = 0,
        requestWasSent: Bool = true
    ) {
        self.kind = kind
        self.cause = cause
        self.phase = phase
        self.status = status
        self.code = code.map { String($0.prefix(100)) }
        self.field = field.map { String($0.prefix(100)) }
        self.message = String(message.prefix(2000))
        self.retryAfter = retryAfter
        self.bytesReceived = bytesReceived
        self.requestWasSent = requestWasSent
    }
}

extension AttemptFailure {
    /// Whether the attempt ended because nobody waited for it any more.
    public var isCancellation: Bool { cause == "cancelled" }
}
