public import NIOCore

/// A provider's answer.
public enum Reply: Sendable {
    /// The whole answer at once, complete and checked.
    case whole(WholeReply)
    /// An answer that arrives in pieces.
    case stream(any ReplyStream)
}

/// An answer that arrived as a whole, in the caller's dialect.
public struct WholeReply: Sendable {
    /// The body for the caller.
    public var body: ByteBuffer
    /// What is known about the answer.
    public var facts: ReplyFacts
    /// What its choices say, if that was to be kept.
    public var choices: [AnsweredChoice]?

    /// Creates a reply.
    public init(body: ByteBuffer, facts: ReplyFacts) {
        self.body = body
        self.facts = facts
    }
}

/// What can be told about an answer besides its text.
public struct ReplyFacts: Sendable, Hashable {
    /// The model that answered, by its own account.
    public var model: String?
    /// What it cost.
    public var usage: Usage?
    /// Why it ended, of the first choice.
    public var finishReason: FinishReason?
    /// The provider's identity of the request.
    public var upstreamID: String?
    /// What it said of its rate limit; nil if it said nothing.
    public var limit: RateLimitNotice?
    /// The events of a stream that could not be read and were passed over.
    public var skippedEvents = 0

    /// Creates facts; none when nothing is given.
    public init(
        model: String? = nil, usage: Usage? = nil, finishReason: FinishReason? = nil,
        upstreamID: String? = nil,
        limit: RateLimitNotice? = nil
    ) {
        self.model = model
        self.usage = usage
        self.finishReason = finishReason
        self.upstreamID = upstreamID
        self.limit = limit
    }
}

/// A part of a streamed answer: one or more whole events, in the caller's dialect.
public struct ReplyPiece: Sendable {
    /// The bytes for the caller.
    public var bytes: ByteBuffer
    /// How many events they hold.
    public var events: Int
    /// Whether they hold a part of the answer itself, rather than a beginning, a comment or an end.
    public var isProgress: Bool

    /// Creates a piece.
    public init(bytes: ByteBuffer, events: Int, isProgress: Bool) {
        self.bytes = bytes
        self.events = events
        self.isProgress = isProgress
    }
}

/// A streamed answer, drawn piece by piece; not drawing holds the provider back.
public protocol ReplyStream: AnyObject, Sendable {
    /// The next piece; nil when the answer is complete, which only the dialect's proof of completeness makes it.
    ///
    /// - Throws: ``AttemptFailure`` when the stream breaks, stalls, carries an error or ends before it is complete.
    func next() async throws(AttemptFailure) -> ReplyPiece?

    /// What is known about the answer so far.
    var facts: ReplyFacts { get }

    /// The text that was drawn so far; nil if it was not kept.
    var delivered: DeliveredText? { get }

    /// What its choices have said so far; nil if it was not kept.
    var choices: [AnsweredChoice]? { get }

    /// Ends the stream at once and closes what is behind it. Does nothing after the end.
    func cancel()
}

extension ReplyStream {
    /// Nothing, as long as a stream does not keep it.
    public var choices: [AnsweredChoice]? { nil }
}
