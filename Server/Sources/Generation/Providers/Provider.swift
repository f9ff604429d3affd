public import NIOCore

/// Someone who can be asked to generate an answer. One call is one attempt: no retry, no choice, no policy.
public protocol Provider: Sendable {
    /// The name that the configuration gives it.
    var name: String { get }

    /// The keys it may use, in order of preference; one entry without a hint if it needs none.
    var credentials: [Credential] { get }

    /// Makes one attempt.
    ///
    /// Returns when the answer is there as a whole, or when a stream has begun. Cancelling the task ends the attempt at
    /// once, closes what is behind it and throws a failure with cause `cancelled`.
    func attempt(_ call: ProviderCall) async throws(AttemptFailure) -> Reply
}

/// One of a provider's keys, without the key.
public struct Credential: Sendable, Hashable {
    /// Its place among the provider's keys, from 0.
    public var index: Int
    /// A name to tell it from others that may be shown: its place and last characters.
    public var label: String
    /// A digest of the key, so that state learned about a key survives a reload that moves it.
    public var identity: String

    /// Creates a credential.
    public init(index: Int, label: String, identity: String) {
        self.index = index
        self.label = label
        self.identity = identity
    }
}

/// What one attempt needs to know.
public struct ProviderCall: Sendable {
    /// The caller's request.
    public var request: GenerationRequest
    /// The model's name at the provider.
    public var model: String
    /// The same as JSON, if whoever asks has it ready.
    public var quotedModel: ByteBuffer?
    /// Which of the provider's keys to use, by its place.
    public var credential: Int
    /// How long the attempt may take.
    public var limits: PhaseLimits
    /// Whether a stream keeps its text, so that another target can go on with it.
    public var keepsText: Bool
    /// Whether to keep what the choices of the answer say, so that it can be judged.
    public var keepsChoices = false
    /// Whether an answer that ends with nothing in it is one.
    public var allowsEmpty = false
    /// Whether to ask for a stream and put it together, although the caller wants the answer as a whole.
    public var asStream: Bool
    /// Told how many events of such a stream have arrived; what it throws ends the attempt. Nil if nobody wants to know.
    public var onEvents: (@Sendable (Int) throws(AttemptFailure) -> Void)?
    /// The answer to go on with; nil for a new one.
    public var goingOn: GoingOn?
    /// Ends the call like cancelling its task does; nil if only that does. One that covers the task is cancelled with it, so
    /// that a provider may heed it alone.
    public var cancellation: CancellationToken?
    /// Asked before a request that certainly did not reach the provider is sent again on a new connection.
    public var mayResend: @Sendable () -> Bool

    /// Creates a call.
    public init(
        request: GenerationRequest, model: String, credential: Int = 0, limits: PhaseLimits,
        keepsText: Bool = false, asStream: Bool = false, goingOn: GoingOn? = nil,
        mayResend: @escaping @Sendable () -> Bool = { true }
    ) {
        self.request = request
        self.model = model
        self.credential = credential
        self.limits = limits
        self.keepsText = keepsText
        self.asStream = asStream
        self.goingOn = goingOn
        self.mayResend = mayResend
    }
}
