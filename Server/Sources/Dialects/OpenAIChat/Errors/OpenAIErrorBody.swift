import JSON
package import NIOCore

/// The bytes of an error in the shape that OpenAI's clients expect.
package enum OpenAIErrorBody {
    /// The body that tells it.
    static func text(message: String, type: String, code: String?, field: String?) -> ByteBuffer {
        func text(_ value: String?) -> String { value.map(JSONEscapes.quoted) ?? "null" }
        return ByteBuffer(
            string: #"{"error":{"message":\#(text(message)),"type":\#(text(type)),"#
                + #""param":\#(text(field)),"code":\#(text(code))}}"#)
    }

    /// The body that refuses a request before anything of it was read.
    package static func refusal(status: Int, code: String, message: String, field: String?) -> ByteBuffer {
        text(
            message: message, type: status >= 500 ? "api_error" : "invalid_request_error", code: code,
            field: field)
    }

    /// The event that tells the reader of a stream that it broke off.
    package static func interruption(_ reason: String) -> ByteBuffer {
        event(
            message: "the answer broke off: \(reason)", type: "upstream_error", code: "stream_interrupted")
    }

    private static func event(message: String, type: String, code: String) -> ByteBuffer {
        var event = ByteBuffer()
        event.writeEvent {
            $0.writeImmutableBuffer(text(message: message, type: type, code: code, field: nil))
        }
        return event
    }
}
