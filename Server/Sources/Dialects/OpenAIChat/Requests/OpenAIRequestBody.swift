package import Generation
import JSON
package import NIOCore

/// A caller's request with what the provider needs changed, and nothing else.
package enum OpenAIRequestBody {
    /// The longest stretch of the caller's bytes that is copied; a longer one is sent from where it is.
    private static let longestCopied = 8 << 10

    /// A model's name as JSON.
    package static func quoted(_ model: String) -> ByteBuffer {
        ByteBuffer(string: JSONEscapes.quoted(model))
    }

    /// The parts of the body to send: the caller's bytes with the model's name and, if a stream's usage is to be asked
    /// for, that wish put in between. To go on with an answer, what the caller has of it is added as the last message.
    ///
    /// - Parameter quotedModel: The model's name at the provider, as JSON.
    package static func parts(
        of request: GenerationRequest, quotedModel: ByteBuffer, asksForUsage: Bool, goingOn: GoingOn? = nil,
        asStream: Bool = false
    ) -> [ByteBuffer] {
        var edits = Edits(request.marks.model, quotedModel)
        let marks = request.marks
        if asStream {
            if let value = marks.stream {
                edits.replace(value, "true")
            } else {
                edits.insert(at: marks.start, #""stream":true,"#)
            }
        }
        if request.streams || asStream, asksForUsage, !request.wantsUsage { edits.askForUsage(marks) }
        if case .prefilled(let delivered, let way)? = goingOn, let end = marks.messagesEnd {
            let text = String(decoding: delivered.texts.first ?? [], as: UTF8.self)
            edits.insert(at: end, #",{"role":"assistant","content":\#(JSONEscapes.quoted(text))}"#)
            if way == .vllm {
                edits.insert(
                    at: marks.start, #""add_generation_prompt":false,"continue_final_message":true,"#)
            }
        }
        return edits.applied(to: request.body, longestCopied: longestCopied)
    }

    /// What is put in place of ranges of a body.
    private struct Edits {
        private var first: (range: Range<Int>, text: ByteBuffer)
        private var others: [(range: Range<Int>, text: ByteBuffer)] = []

        init(_ range: Range<Int>, _ text: ByteBuffer) {
            first = (range, text)
        }

        mutating func replace(_ range: Range<Int>, _ text: String) {
            others.append((range, ByteBuffer(string: text)))
        }

        mutating func insert(at offset: Int, _ text: String) { replace(offset..<offset, text) }

        mutating func askForUsage(_ marks: GenerationRequest.Marks) {
            if let value = marks.includeUsage {
                replace(value, "true")
            } else if let null = marks.nullStreamOptions {
                replace(null, #"{"include_usage":true}"#)
            } else if let start = marks.streamOptions {
                insert(at: start, #""include_usage":true"# + (marks.streamOptionsAreEmpty ? "" : ","))
            } else {
                insert(at: marks.start, #""stream_options":{"include_usage":true},"#)
            }
        }

        /// The body with the edits made.
        func applied(to body: ByteBuffer, longestCopied: Int) -> [ByteBuffer] {
            var pieces = Pieces(body, longestCopied: longestCopied)
            if others.isEmpty {
                pieces.put(first.text, inPlaceOf: first.range)
            } else {
                let all = ([first] + others).sorted { $0.range.lowerBound < $1.range.lowerBound }
                for edit in all { pieces.put(edit.text, inPlaceOf: edit.range) }
            }
            return pieces.end()
        }
    }

    /// Copies short stretches of a body together, and leaves long ones where they are.
    private struct Pieces {
        private let body: ByteBuffer
        private let longestCopied: Int
        private var parts: [ByteBuffer] = []
        private var copied = ByteBuffer()
        private var offset = 0

        init(_ body: ByteBuffer, longestCopied: Int) {
            self.body = body
            self.longestCopied = longestCopied
            copied.reserveCapacity((body.readableBytes > longestCopied ? 0 : body.readableBytes) + 256)
        }

        mutating func put(_ text: ByteBuffer, inPlaceOf range: Range<Int>) {
            take(upTo: range.lowerBound)
            copied.writeImmutableBuffer(text)
            offset = range.upperBound
        }

        mutating func end() -> [ByteBuffer] {
            take(upTo: body.readableBytes)
            if copied.readableBytes > 0 { parts.append(copied) }
            return parts
        }

        private mutating func take(upTo end: Int) {
            guard end > offset, let slice = body.getSlice(at: body.readerIndex + offset, length: end - offset)
            else { return }
            guard slice.readableBytes > longestCopied else {
                copied.writeImmutableBuffer(slice)
                return
            }
            if copied.readableBytes > 0 { parts.append(copied) }
            parts.append(slice)
            copied = ByteBuffer()
        }
    }
}
