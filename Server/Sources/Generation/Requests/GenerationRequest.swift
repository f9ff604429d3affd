public import NIOCore

/// What a caller asks to be generated: the raw bytes of its request, and what was read of them.
///
/// The bytes are kept as they came. A provider that speaks the caller's dialect sends them on with little more than
/// the model's name replaced; unknown members pass through. A class, because it is handed on many times and never
/// changes.
public final class GenerationRequest: Sendable {
    /// The most answers that may be asked for. 128.
    public static let mostChoices = 128

    /// The identity of the request, for logs, headers and the decision trail.
    public let id: RequestID
    /// The model's name as the caller gave it.
    public let model: String
    /// Whether the caller wants the answer as a stream.
    public let streams: Bool
    /// Whether the caller asked for usage at the end of a stream.
    public let wantsUsage: Bool
    /// How many answers the caller wants. Range: 1 to ``mostChoices``.
    public let choices: Int
    /// The most tokens that the caller wants; nil if it does not say.
    public let maximumTokens: Int?
    /// The JSON that the answer must be; nil if none is asked for.
    public let form: JSONForm?
    /// What it needs of a model beside text.
    public let features: Features
    /// The body as it came.
    public let body: ByteBuffer
    /// Where in the body the members stand that may have to be rewritten.
    public let marks: Marks

    /// The JSON that a caller can ask for.
    public enum JSONForm: Sendable, Hashable {
        /// An object.
        case object
        /// What a schema describes: an object or an array.
        case schema
    }

    /// What a request needs of a model beside reading and writing text.
    public struct Features: OptionSet, Sendable, Hashable {
        /// One bit for each.
        public let rawValue: UInt8

        /// Creates a set from its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// It shows pictures, sounds or files to the model.
        public static let media = Features(rawValue: 1)
        /// The model may call tools.
        public static let tools = Features(rawValue: 2)
        /// The answer is bound to a form.
        public static let form = Features(rawValue: 4)
        /// The answer may be spoken.
        public static let speech = Features(rawValue: 8)
        /// It is longer than 64 KiB.
        public static let length = Features(rawValue: 16)
        /// The model is told to think before it answers.
        public static let thought = Features(rawValue: 32)
    }

    /// Places in a request's body, as offsets from its first byte.
    public struct Marks: Sendable, Hashable {
        /// The model's value, quotes included.
        public var model: Range<Int>
        /// The offset after the opening brace of the body.
        public var start: Int
        /// The offset after the opening brace of `stream_options`, if that is an object that does not ask for usage.
        public var streamOptions: Int?
        /// Whether that object is empty.
        public var streamOptionsAreEmpty: Bool
        /// The value of `stream_options` if it is null, which has to be replaced.
        public var nullStreamOptions: Range<Int>?
        /// The value of `include_usage` if it is given and not true.
        public var includeUsage: Range<Int>?

        /// Where the list of messages ends; nil if no message may be added, since the answer is bound to a form or may
        /// call tools.
        public var messagesEnd: Int?
        /// The value of `stream`, if it is given.
        public var stream: Range<Int>?

        /// Creates marks.
        public init(
            model: Range<Int>, start: Int, messagesEnd: Int? = nil,
            stream: Range<Int>? = nil, streamOptions: Int? = nil,
            streamOptionsAreEmpty: Bool = false,
            nullStreamOptions: Range<Int>? = nil, includeUsage: Range<Int>? = nil
        ) {
            self.model = model
            self.start = start
            self.messagesEnd = messagesEnd
            self.stream = stream
            self.streamOptions = streamOptions
            self.streamOptionsAreEmpty = streamOptionsAreEmpty
            self.nullStreamOptions = nullStreamOptions
            self.includeUsage = includeUsage
        }
    }

    /// Creates a request.
    public init(
        id: RequestID, model: String, streams: Bool, wantsUsage: Bool, choices: Int,
        maximumTokens: Int? = nil, form: JSONForm? = nil, features: Features = [], body: ByteBuffer,
        marks: Marks
    ) {
        self.id = id
        self.model = model
        self.streams = streams
        self.wantsUsage = wantsUsage
        self.choices = choices
        self.maximumTokens = maximumTokens
        self.form = form
        self.features = body.readableBytes > 64 << 10 ? features.union(.length) : features
        self.body = body
        self.marks = marks
    }
}
