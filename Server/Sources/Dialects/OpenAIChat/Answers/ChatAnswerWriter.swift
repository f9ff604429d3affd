package import Generation
import JSON
package import NIOCore

/// Writes an answer that is made here, as a whole or as a stream.
package struct ChatAnswerWriter: Sendable {
    private let id: String
    private let created: Int64
    private let model: String

    /// Creates a writer of the answer to one request.
    ///
    /// - Parameter created: When it is written, in seconds since 1970.
    package init(_ request: RequestID, created: Int64, model: String) {
        id = JSONEscapes.quoted("chatcmpl-\(request)")
        self.created = created
        self.model = JSONEscapes.quoted(model)
    }

    /// What every event of it says.
    package var identity: DeliveredText.Identity {
        var identity = DeliveredText.Identity()
        identity.id = Array(id.utf8)
        identity.created = Array("\(created)".utf8)
        identity.model = Array(model.utf8)
        return identity
    }

    /// The answer as one body.
    package func whole(_ text: String, _ usage: Usage) -> ByteBuffer {
        ByteBuffer(
            string: head("chat.completion")
                + #""choices":[{"index":0,"message":{"role":"assistant","content":\#(JSONEscapes.quoted(text)),"#
                + #""refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":\#(Self.text(usage))}"#)
    }

    /// The event that begins a stream.
    package var beginning: ByteBuffer { chunk(delta: #"{"role":"assistant","content":""}"#) }

    /// An event with a part of the text.
    package func part(_ text: String) -> ByteBuffer {
        chunk(delta: #"{"content":\#(JSONEscapes.quoted(text))}"#)
    }

    /// The event that ends the answer.
    package var end: ByteBuffer { chunk(delta: "{}", finish: #""stop""#) }

    /// The event with the usage.
    package func usage(_ usage: Usage) -> ByteBuffer {
        event(head("chat.completion.chunk") + #""choices":[],"usage":\#(Self.text(usage))}"#)
    }

    private func chunk(delta: String, finish: String = "null") -> ByteBuffer {
        event(
            head("chat.completion.chunk")
                + #""choices":[{"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":\#(finish)}]}"#)
    }

    private func event(_ text: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeEvent { $0.writeString(text) }
        return buffer
    }

    private func head(_ object: String) -> String {
        #"{"id":\#(id),"object":"\#(object)","created":\#(created),"model":\#(model),"#
    }

    private static func text(_ usage: Usage) -> String {
        #"{"prompt_tokens":\#(usage.promptTokens),"completion_tokens":\#(usage.completionTokens),"#
            + #""total_tokens":\#(usage.promptTokens + usage.completionTokens)}"#
    }
}
