import JSON
import NIOCore

/// An error in the shape that OpenAI's clients expect.
enum OpenAIErrorBody {
    static func text(message: String, type: String, code: String?, field: String?) -> ByteBuffer {
        func text(_ value: String?) -> String { value.map(JSONEscapes.quoted) ?? "null" }
        return ByteBuffer(
            string: #"{"error":{"message":\#(text(message)),"type":\#(text(type)),"#
                + #""param":\#(text(field)),"code":\#(text(code))}}"#)
    }

    /// The event that tells the reader of a stream that it broke off.
    static func event(message: String, type: String, code: String) -> ByteBuffer {
        var event = ByteBuffer(string: "data: ")
        event.writeImmutableBuffer(text(message: message, type: type, code: code, field: nil))
        event.writeStaticString("\n\n")
        return event
    }
}
