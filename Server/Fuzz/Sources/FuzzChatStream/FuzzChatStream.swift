import Generation
import Harness
import NIOCore

@testable import Dialects

/// A stream is read alike whole and in pieces, and whether or not events are known by what they share with the last one.
@main
struct FuzzChatStream {
    static func main() {
        fuzz(test)
    }

    private static func test(_ bytes: UnsafeRawBufferPointer) {
        let plain = Read(bytes, Pieces(wholeOf: bytes), knowsShapes: false)
        let whole = Read(bytes, Pieces(wholeOf: bytes), knowsShapes: true)
        expect(whole == plain, "with shapes: \(whole), without: \(plain)")
        var parts = Read(bytes, Pieces(of: bytes), knowsShapes: true)
        let plainParts = Read(bytes, Pieces(of: bytes), knowsShapes: false)
        expect(parts == plainParts, "in pieces with shapes: \(parts), without: \(plainParts)")
        // Whether the LF of a CR LF goes with an event or the next is of no meaning.
        (parts.passed, parts.events, parts.progress) = (whole.passed, whole.events, whole.progress)
        expect(parts == whole, "in pieces: \(parts), whole: \(whole)")
    }
}

/// What comes of reading a stream.
private struct Read: Equatable {
    var passed: [UInt8] = []
    var events = 0
    var progress = 0
    var failure: AttemptFailure?
    var facts = ReplyFacts()
    var delivered: DeliveredText?
    var choices: [AnsweredChoice]?
    var isComplete = false
    var isAnswer = false

    init(_ bytes: UnsafeRawBufferPointer, _ pieces: Pieces, knowsShapes: Bool) {
        let request = GenerationRequest(
            id: RequestID(1, 2), model: "m", streams: true, wantsUsage: false, choices: 1, body: ByteBuffer(),
            marks: GenerationRequest.Marks(model: 0..<0, start: 0))
        var call = ProviderCall(request: request, model: "m", limits: PhaseLimits(), keepsText: true)
        call.keepsChoices = true
        var reader = ChatStreamReader(call, ReplyFacts(), redactor: Redactor([])), pieces = pieces, start = 0
        reader.knowsShapes = knowsShapes
        while !reader.isEnded, failure == nil, let end = pieces.next() {
            let window = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            var run = ChatStreamReader.Run(), consumed = 0
            do throws(AttemptFailure) { consumed = try reader.read(window, &run) } catch { failure = error }
            for part in run.others + [run.last] { passed += window[part] }
            events += run.events
            if reader.hasProgressed { progress += 1 }
            start += consumed
        }
        if !reader.isEnded, failure == nil {
            do throws(AttemptFailure) { try reader.end() } catch { failure = error }
        }
        (facts, delivered, choices) = (reader.facts, reader.delivered, reader.choices)
        (isComplete, isAnswer) = (reader.isComplete, reader.isAnswer)
    }
}
