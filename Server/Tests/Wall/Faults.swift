import Synchronization

/// A fault of a provider as data: what it is called, what it is, and what the wall plays for it.
///
/// Whoever asks for the model `fault-` and the name meets it, so that any client can choose one without a field or
/// a setting of its own. Faults that come before the request is read (a refused connection, a handshake that
/// stalls) cannot be chosen by it and are not here; ``Wall/init(onConnect:_:)`` and ``DeafListener`` play those.
public struct Fault: Sendable {
    /// A request that is to meet a fault.
    public struct Asked: Sendable {
        /// The request.
        public var call: Wall.Call
        /// What the right answer would be, in words between single spaces.
        public var text: String
        /// How often the same user asked for the same model before.
        public var time: Int

        /// Creates what a fault must know of a request.
        public init(_ call: Wall.Call, _ text: String, time: Int = 0) {
            self.call = call
            self.text = text
            self.time = time
        }
    }

    /// What sets a fault apart from the others.
    public enum Trait: Sendable {
        /// The answer is whole and right after all, for whoever reads it well.
        case right
        /// It moves megabytes.
        case heavy
        /// It goes on for a minute if nobody ends it.
        case long
        /// It gives a reason to leave the provider, its key or the model alone for a long time.
        case lasting
    }

    /// The number in the catalogue and the form, as in `F33-reset`.
    public let name: String
    /// The number in the catalogue.
    public let number: Int
    /// What it is, in one sentence.
    public let about: String
    /// What sets it apart.
    public let traits: Set<Trait>
    private let streamed: @Sendable (Asked) -> [Wall.Act]
    private let whole: @Sendable (Asked) -> [Wall.Act]

    /// The model that is asked for to meet it.
    public var model: String { "fault-" + name }

    /// Creates a fault whose number begins its name.
    ///
    /// - Parameters:
    ///   - streamed: What is played for a request that wants a stream.
    ///   - whole: What is played for one that does not; nil for the same.
    init(
        _ name: String, _ about: String, _ traits: Set<Trait> = [],
        streamed: @escaping @Sendable (Asked) -> [Wall.Act],
        whole: (@Sendable (Asked) -> [Wall.Act])? = nil
    ) {
        self.name = name
        self.about = about
        self.traits = traits
        self.streamed = streamed
        self.whole = whole ?? streamed
        number = Int(name.dropFirst().prefix { $0.isNumber }) ?? 0
    }

    /// Creates a fault that is the same for whatever is asked.
    init(_ name: String, _ about: String, _ traits: Set<Trait> = [], _ acts: Wall.Act...) {
        self.init(name, about, traits) { _ in acts }
    }

    /// What the wall does for a request.
    public func acts(for asked: Asked) -> [Wall.Act] {
        asked.call.streams ? streamed(asked) : whole(asked)
    }

    /// All faults, in the order of their numbers.
    public static let all = beforeTheFirstByte + badAnswers + whileStreaming

    /// The fault of a model's name; the first form of it if the name has none.
    public static func named(_ model: String) -> Fault? {
        guard model.hasPrefix("fault-") else { return nil }
        let name = model.dropFirst("fault-".count)
        return all.first { $0.name == name } ?? all.first { $0.name.hasPrefix(name + "-") }
    }

    /// An answer that is right and long enough to be broken off after 40 words.
    public static let text = (0..<60).map { "w\($0)" }.joined(separator: " ")
}

/// Plays what the model's name says: `good`, `slow-500` (a right answer after 500 ms), or a fault.
public final class FaultPlayer: Sendable {
    private let times = Mutex<[String: Int]>([:])

    /// Creates a player that has not been asked for anything.
    public init() {}

    /// What the wall does for a request by the model that it asks for; nil if the name says nothing.
    public func acts(for call: Wall.Call, text: String = Fault.text) -> [Wall.Act]? {
        let model = call.model
        if model == "good" { return Answer.good(call, text) }
        if model.hasPrefix("slow-"), let milliseconds = Int(model.dropFirst(5)), milliseconds >= 0 {
            return [.wait(.milliseconds(milliseconds))] + Answer.good(call, text)
        }
        return Fault.named(model).map { play($0, for: call, text: text) }
    }

    /// What the wall does for a request that is to meet a fault, whatever its model.
    public func play(_ fault: Fault, for call: Wall.Call, text: String) -> [Wall.Act] {
        let key = call.user + " " + call.model
        let time = times.withLock { times in
            defer { times[key, default: 0] += 1 }
            return times[key, default: 0]
        }
        return fault.acts(for: Fault.Asked(call, text, time: time))
    }

    /// Forgets who asked for what.
    public func forget() { times.withLock { $0 = [:] } }
}

extension Fault.Asked {
    var words: [String] {
        text.split(separator: " ").enumerated().map { ($0 == 0 ? "" : " ") + $1 }
    }

    /// The right answer.
    var good: [Wall.Act] { Answer.good(call, text) }

    /// The right answer to a request that wants none in a stream.
    var goodBody: String { Answer.completion(text) }

    /// A stream up to so many words, never all of them, with time for them to arrive: a reset may overtake what was
    /// sent right before it.
    func begun(_ count: Int) -> [Wall.Act] {
        [Answer.streamHead, Answer.role()] + Answer.words(Array(words.prefix(min(count, words.count - 1))))
            + [.wait(.milliseconds(50))]
    }

    /// The words that ``begun(_:)`` left out.
    func rest(_ count: Int) -> [Wall.Act] {
        Answer.words(Array(words.dropFirst(min(count, words.count - 1))))
    }

    /// A stream of whose words none is missing, before its finish reason.
    var allWords: [Wall.Act] { [Answer.streamHead, Answer.role()] + Answer.words(words) }

    /// The first part of an answer that is not streamed.
    var half: [Wall.Act] {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        let length = "content-length: \(goodBody.utf8.count)\r\n\r\n"
        return [.text(head + length + goodBody.prefix(150)), .wait(.milliseconds(50))]
    }

    /// The events of a right stream as they stand in its body.
    var events: [String] {
        let contents = words.map { Answer.delta(#"{"content":"\#($0)"}"#) }
        return [Answer.delta(#"{"role":"assistant","content":""}"#)] + contents
            + [Answer.delta("{}", finish: #""stop""#), "[DONE]"]
    }

    /// A stream with these events only.
    static func stream(_ events: [String]) -> [Wall.Act] {
        [Answer.streamHead] + events.map(Answer.event) + [Answer.streamEnd]
    }

    /// A stream whose body is this text.
    static func body(_ text: String) -> [Wall.Act] {
        [Answer.streamHead, Answer.chunk(text), Answer.streamEnd]
    }
}
