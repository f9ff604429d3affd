import Dialects
import Generation
import NIOCore

/// What a simulated provider answers.
struct SimulatedAnswer: Sendable {
    let writer: ChatAnswerWriter
    let model: String
    let words: [String]

    static let cut = AttemptFailure(
        .transient, cause: "closed_early", phase: .body, status: 200,
        message: "the provider closed the connection before its answer was complete")
    static let cancelled = AttemptFailure(
        .systemError, cause: "cancelled", phase: .body, message: "the caller left")

    /// What the provider called `name` says to `request`: a greeting that names it, and the number of the prompt's bytes,
    /// so that different prompts have different answers.
    static func words(from name: String, to request: GenerationRequest) -> [String] {
        let text =
            "This is \(name), a simulated provider. Your request of \(request.body.readableBytes) bytes arrived; "
            + "a real provider would answer it here. Switch my faults on and off to watch requests go elsewhere."
        return text.split(separator: " ").enumerated().map { $0 == 0 ? String($1) : " " + $1 }
    }

    var usage: Usage { Usage(promptTokens: 12, completionTokens: words.count) }
    var facts: ReplyFacts { ReplyFacts(model: model, usage: usage, finishReason: .stop) }

    /// The answer as one body.
    var whole: ByteBuffer { writer.whole(words.joined(), usage) }
}

/// A simulated answer, word by word.
final class SimulatedStream: ReplyStream, @unchecked Sendable {  // Drawn by one task at a time.
    private let answer: SimulatedAnswer
    private let cuts: Bool
    private let pause: Duration
    private let wantsUsage: Bool
    private let sleep: @Sendable (Duration) async throws -> Void
    private var position = -1

    init(
        _ answer: SimulatedAnswer, cuts: Bool, pause: Duration, wantsUsage: Bool,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.answer = answer
        self.cuts = cuts
        self.pause = pause
        self.wantsUsage = wantsUsage
        self.sleep = sleep
    }

    var facts: ReplyFacts {
        position > answer.words.count ? answer.facts : ReplyFacts(model: answer.model)
    }

    var delivered: DeliveredText? {
        var delivered = DeliveredText()
        delivered.identity = answer.writer.identity
        let words = answer.words.prefix(max(0, position))
        if position > answer.words.count {
            delivered.addOther()
        } else {
            delivered.add(words.joined().utf8, toChoice: 0)
        }
        return delivered
    }

    func cancel() {}

    func next() async throws(AttemptFailure) -> ReplyPiece? {
        defer { position += 1 }
        let words = answer.words, writer = answer.writer
        switch position {
        case -1: return ReplyPiece(bytes: writer.beginning, events: 1, isProgress: false)
        case 0..<words.count:
            if cuts, position >= words.count / 2 { throw SimulatedAnswer.cut }
            if position > 0 {
                do { try await sleep(pause) } catch { throw SimulatedAnswer.cancelled }
            }
            return ReplyPiece(bytes: writer.part(words[position]), events: 1, isProgress: true)
        case words.count: return ReplyPiece(bytes: writer.end, events: 1, isProgress: false)
        case words.count + 1 where wantsUsage:
            return ReplyPiece(bytes: writer.usage(answer.usage), events: 1, isProgress: false)
        default: return nil
        }
    }
}
