import Generation
import JSON
import NIOCore

/// A caller's request with what the provider needs changed, and nothing else.
enum OpenAIRequestBody {
    private static let askForUsage = ByteBuffer(string: #""include_usage":true"#)
    private static let usageObject = ByteBuffer(string: #"{"include_usage":true}"#)
    private static let usageMember = ByteBuffer(string: #""stream_options":{"include_usage":true},"#)
    private static let streamMember = ByteBuffer(string: #""stream":true,"#)
    private static let goOn = ByteBuffer(
        string: #""add_generation_prompt":false,"continue_final_message":true,"#)
    private static let comma = ByteBuffer(string: ",")
    private static let truth = ByteBuffer(string: "true")

    /// The parts of the body to send: slices of the caller's bytes with the model's name and, if a stream's usage is to
    /// be asked for, that wish put in between. To go on with an answer, what the caller has of it is added as the last
    /// message.
    static func parts(
        of request: GenerationRequest, model: ByteBuffer, asksForUsage: Bool, goingOn: GoingOn? = nil,
        asStream: Bool = false
    ) -> [ByteBuffer] {
        let marks = request.marks
        var edits: [(range: Range<Int>, text: [ByteBuffer])] = [(marks.model, [model])]
        if asStream {
            if let value = marks.stream {
                edits.append((value, [truth]))
            } else {
                edits.append((marks.start..<marks.start, [streamMember]))
            }
        }
        if request.streams || asStream, asksForUsage, !request.wantsUsage {
            if let value = marks.includeUsage {
                edits.append((value, [truth]))
            } else if let null = marks.nullStreamOptions {
                edits.append((null, [usageObject]))
            } else if let start = marks.streamOptions {
                edits.append(
                    (start..<start, marks.streamOptionsAreEmpty ? [askForUsage] : [askForUsage, comma]))
            } else {
                edits.append((marks.start..<marks.start, [usageMember]))
            }
        }
        if case .prefilled(let delivered, let way)? = goingOn, let end = marks.messagesEnd {
            let text = String(decoding: delivered.texts.first ?? [], as: UTF8.self)
            let message = #",{"role":"assistant","content":\#(JSONEscapes.quoted(text))}"#
            edits.append((end..<end, [ByteBuffer(string: message)]))
            if way == .vllm { edits.append((marks.start..<marks.start, [goOn])) }
        }
        edits.sort { $0.range.lowerBound < $1.range.lowerBound }
        var parts: [ByteBuffer] = [], offset = 0
        parts.reserveCapacity(2 * edits.count + 1)
        for edit in edits {
            parts.append(request.body, from: offset, to: edit.range.lowerBound)
            parts += edit.text
            offset = edit.range.upperBound
        }
        parts.append(request.body, from: offset, to: request.body.readableBytes)
        return parts
    }
}

extension [ByteBuffer] {
    fileprivate mutating func append(_ body: ByteBuffer, from start: Int, to end: Int) {
        if end > start, let slice = body.getSlice(at: body.readerIndex + start, length: end - start) {
            append(slice)
        }
    }
}
