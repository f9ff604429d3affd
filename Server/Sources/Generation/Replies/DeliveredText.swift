/// The text of a streamed answer that a caller already has, kept so that another target can go on where it broke off.
public struct DeliveredText: Sendable, Hashable {
    /// The members of a stream's events that must stay the same to its end, as JSON; nil where there were none.
    public struct Identity: Sendable, Hashable {
        /// The answer's identity.
        public var id: [UInt8]?
        /// When it was created.
        public var created: [UInt8]?
        /// The model's name.
        public var model: [UInt8]?

        /// Creates an identity of which nothing is known.
        public init() {}
    }

    /// The longest text that is kept, over all choices. 256 KiB.
    public static let maximum = 256 * 1024

    /// What every event says of the answer.
    public var identity = Identity()
    /// The text of each choice, as UTF-8.
    public private(set) var texts: [[UInt8]] = []
    /// Whether nothing but text was delivered, all of it is kept, and no choice has ended: only then can it go on.
    public private(set) var canGoOn = true
    private var count = 0

    /// Creates one of which nothing was delivered.
    public init() {}

    /// Notes text that goes to the caller.
    public mutating func add(_ text: some Collection<UInt8>, toChoice choice: Int) {
        Array(text).withUnsafeBytes { add($0, toChoice: choice) }
    }

    /// Notes text that goes to the caller, where it stands.
    public mutating func add(_ text: UnsafeRawBufferPointer, toChoice choice: Int) {
        guard canGoOn, (0..<128).contains(choice), count + text.count <= Self.maximum else {
            return addOther()
        }
        while texts.count <= choice { texts.append([]) }
        texts[choice] += text
        count += text.count
    }

    /// Notes something other than text, such as a tool call or the end of a choice.
    public mutating func addOther() {
        canGoOn = false
        texts = []
    }
}

/// How an attempt goes on with an answer that another target began.
public enum GoingOn: Sendable, Hashable {
    /// The target answers from scratch; what the caller has must come first, byte for byte, and is left out.
    case fromScratch(DeliveredText)
    /// The target is given what the caller has as the beginning of its own answer.
    case prefilled(DeliveredText, Prefill)
}

/// How a target is asked to go on with a text.
public enum Prefill: String, Sendable, Hashable, CaseIterable {
    /// By a last message of the assistant.
    case message
    /// By that, and the members by which vLLM is told not to begin a new message.
    case vllm
}
