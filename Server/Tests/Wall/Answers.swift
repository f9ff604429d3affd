/// Answers of an OpenAI-compatible provider, as bytes.
public enum Answer {
    /// A response with a length.
    public static func response(
        _ status: Int = 200, _ body: String, type: String = "application/json",
        fields: [String] = []
    ) -> Wall.Act {
        response(status, Array(body.utf8), type: type, fields: fields)
    }

    /// A response with a length whose body may be anything.
    public static func response(
        _ status: Int, _ body: [UInt8], type: String = "application/json",
        fields: [String] = []
    ) -> Wall.Act {
        let more = fields.map { $0 + "\r\n" }.joined()
        let head = "HTTP/1.1 \(status) Status\r\ncontent-type: \(type)\r\ncontent-length: \(body.count)\r\n"
        return .send(Array((head + more + "\r\n").utf8) + body)
    }

    /// A whole chat completion.
    public static func completion(_ text: String = "Hello from the wall.", model: String = "wall-1")
        -> String
    {
        completion(
            choices: #"[{"index":0,"message":{"role":"assistant","content":"\#(text)","#
                + #""refusal":null},"logprobs":null,"finish_reason":"stop"}]"#, model: model)
    }

    /// A chat completion with these choices.
    public static func completion(choices: String, model: String = "wall-1") -> String {
        #"{"id":"chatcmpl-1","object":"chat.completion","created":1795200000,"model":"\#(model)","#
            + #""choices":\#(choices),"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#
    }

    /// An error body.
    public static func error(_ message: String, type: String = "api_error", code: String? = nil) -> String {
        let code = code.map { "\"\($0)\"" } ?? "null"
        return #"{"error":{"message":"\#(message)","type":"\#(type)","param":null,"code":\#(code)}}"#
    }

    /// The head of a streamed response in chunks.
    public static let streamHead = Wall.Act.text(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    /// The last chunk.
    public static let streamEnd = Wall.Act.text("0\r\n\r\n")

    /// Bytes as a chunk.
    public static func chunk(_ text: String) -> Wall.Act {
        .text(String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n")
    }

    /// An event as a chunk.
    public static func event(_ data: String) -> Wall.Act {
        chunk("data: \(data)\n\n")
    }

    /// The data of one event of a stream.
    public static func delta(_ delta: String, finish: String = "null", model: String = "wall-1") -> String {
        #"{"id":"chatcmpl-2","object":"chat.completion.chunk","created":1795200000,"model":"\#(model)","#
            + #""choices":[{"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":\#(finish)}]}"#
    }

    /// The event that begins a stream.
    public static func role(model: String = "wall-1") -> Wall.Act {
        event(delta(#"{"role":"assistant","content":""}"#, model: model))
    }

    /// Events with these words.
    public static func words(_ words: [String], model: String = "wall-1") -> [Wall.Act] {
        words.map { event(delta(#"{"content":"\#($0)"}"#, model: model)) }
    }

    /// The event that ends the answer.
    public static func finish(model: String = "wall-1") -> Wall.Act {
        event(delta("{}", finish: #""stop""#, model: model))
    }

    /// The event that ends a stream.
    public static let done = event("[DONE]")

    /// The event that brings the usage.
    public static let usage = event(
        #"{"id":"chatcmpl-2","object":"chat.completion.chunk","created":1795200000,"model":"wall-1","#
            + #""choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#)

    /// A whole stream with these words.
    public static func stream(_ words: [String], model: String = "wall-1", usage: Bool = false) -> [Wall.Act]
    {
        [streamHead, role(model: model)] + Answer.words(words, model: model)
            + [finish(model: model)] + (usage ? [Answer.usage] : []) + [done, streamEnd]
    }

    /// The right answer to a call, streamed if asked for.
    public static func good(
        _ call: Wall.Call, _ text: String = "Hello from the wall.",
        model: String = "wall-1"
    ) -> [Wall.Act] {
        guard call.streams else { return [response(200, completion(text, model: model))] }
        let words = text.split(separator: " ").enumerated().map { $0 == 0 ? String($1) : " " + $1 }
        return stream(words, model: model, usage: call.wantsUsage)
    }
}
