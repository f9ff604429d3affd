/// Answers with status 200 that are none, and responses that break the rules of HTTP.
extension Fault {
    static let badAnswers = empties + malformed + usages + framing

    private static let inner = #"{"error":{"message":"Overloaded.","type":"server_error","code":503}}"#
    private static let role = Answer.delta(#"{"role":"assistant","content":""}"#)
    private static let finish = Answer.delta("{}", finish: #""stop""#)
    private static let page =
        "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Please log in.</body></html>"

    /// A fault that is a body with status 200, or a stream of these events.
    private static func answer(
        _ name: String, _ about: String, _ body: String, _ events: [String], _ traits: Set<Trait> = []
    ) -> Fault {
        Fault(
            name, about, traits, streamed: { _ in Asked.stream(events) },
            whole: { _ in [Answer.response(200, body)] })
    }

    private static let empties = [
        answer("F24", "200 with an error inside.", inner, [inner]),
        answer("F25-empty", "200 with nothing.", "", []),
        answer("F25-object", "200 with an empty object.", "{}", ["{}", "[DONE]"]),
        answer(
            "F25-no-choices", "200 without choices.", Answer.completion(choices: "[]"),
            [#"{"choices":[]}"#, "[DONE]"]),
        answer(
            "F25-null", "200 whose text is null.",
            Answer.completion(
                choices:
                    #"[{"index":0,"message":{"role":"assistant","content":null},"finish_reason":"stop"}]"#),
            [role, Answer.delta(#"{"content":null}"#), finish, "[DONE]"]),
        Fault("F26", "200 with a web page as JSON.", [], Answer.response(200, page)),
    ]

    /// A fault that is the right answer after a change to its JSON.
    private static func changed(
        _ name: String, _ about: String, _ traits: Set<Trait> = [],
        _ change: @escaping @Sendable (String) -> String
    ) -> Fault {
        Fault(
            name, about, traits,
            streamed: { asked in Asked.stream(asked.events.map { $0 == "[DONE]" ? $0 : change($0) }) },
            whole: { [Answer.response(200, change($0.goodBody))] })
    }

    private static let malformed = [
        changed("F27-cut", "JSON that is cut in its middle.") { String($0.prefix($0.count / 2)) },
        changed("F27-bom", "JSON after a byte order mark.") { "\u{FEFF}" + $0 },
        changed("F27-nan", "NaN in the place of a number.") { replaced($0, "1795200000", "NaN") },
        changed("F27-twice", "A member that stands twice.", [.right]) {
            "{\"object\":\"chat.completion\"," + $0.dropFirst()
        },
        changed("F27-deep", "JSON 10,000 levels deep.") {
            let open = String(repeating: "[", count: 10_000), close = String(repeating: "]", count: 10_000)
            return "{\"deep\":\(open)\(close)," + $0.dropFirst()
        },
        changed("F27-surrogate", "Half of a surrogate pair in a member that nobody needs.") {
            "{\"note\":\"\\ud800\"," + $0.dropFirst()
        },
    ]

    /// A fault whose usage is this; the answer is right.
    private static func usage(_ name: String, _ about: String, _ usage: String) -> Fault {
        Fault(
            name, about, [.right],
            streamed: { asked in
                let last = #"{"id":"chatcmpl-2","object":"chat.completion.chunk","created":1795200000,"#
                let event = last + #""model":"wall-1","choices":[],"usage":\#(usage)}"#
                return Asked.stream(asked.events.dropLast() + [event, "[DONE]"])
            },
            whole: {
                let original = #"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}"#
                return [Answer.response(200, replaced($0.goodBody, original, usage))]
            })
    }

    private static let usages = [
        usage("F28-missing", "The usage is null.", "null"),
        usage("F28-zero", "The usage is zero.", #"{"prompt_tokens":0,"completion_tokens":0}"#),
        usage("F28-negative", "The usage is negative.", #"{"prompt_tokens":-5,"completion_tokens":-1}"#),
        usage("F28-words", "The usage is text.", #"{"prompt_tokens":"5","completion_tokens":"7"}"#),
        usage("F28-huge", "The usage is 1e18.", #"{"prompt_tokens":1e18,"completion_tokens":1e18}"#),
    ]

    /// A fault that is the right answer under a head that lies about it.
    private static func lying(
        _ name: String, _ about: String, _ fields: @escaping @Sendable (_ length: Int) -> String
    ) -> Fault {
        Fault(name, about) { asked in
            let body = asked.goodBody
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            return [.text(head + fields(body.utf8.count) + "\r\n" + body), .finish]
        }
    }

    private static let framing = [
        lying("F29-short", "A body shorter than its content-length, then a close.") {
            "content-length: \($0 + 1000)\r\n"
        },
        lying("F29-long", "A body longer than its content-length.") { "content-length: \($0 - 20)\r\n" },
        lying("F29-two", "Two lengths that differ.") {
            "content-length: \($0)\r\ncontent-length: \($0 - 1)\r\n"
        },
        lying("F29-both", "A length and chunks.") {
            "content-length: \($0)\r\ntransfer-encoding: chunked\r\n"
        },
        Fault(
            "F30", "A body that says that it is gzip, and is broken.", [],
            Answer.response(
                200, [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] + [UInt8](repeating: 0xAA, count: 200),
                fields: ["content-encoding: gzip"])),
        Fault("F31-size", "A head of 5 MB.", [.heavy]) { asked in
            let field = "x-more: " + String(repeating: "m", count: 990) + "\r\n"
            return [.text("HTTP/1.1 200 OK\r\n"), .flood(Array(field.utf8), times: 5000), .text("\r\n")]
                + asked.good
        },
        Fault("F31-count", "A head of 300 fields.") { asked in
            let fields = (0..<300).map { "x-more-\($0): 1" }
            return [Answer.response(200, asked.goodBody, fields: fields)]
        },
        Fault("F31-nul", "A NUL in a field of the head.") {
            [Answer.response(200, $0.goodBody, fields: ["x-nul: a\u{0}b"])]
        },
        Fault("F32", "An answer of 256 MB.", [.heavy]) { _ in
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 268435456\r\n\r\n"
            let begin = #"{"choices":[{"index":0,"message":{"role":"assistant","content":""#
            return [.text(head + begin), .flood([UInt8](repeating: 0x61, count: 1 << 16), times: 4096)]
        },
    ]

    /// A text with a part replaced.
    static func replaced(_ text: String, _ part: String, _ other: String) -> String {
        guard let range = text.firstRange(of: part) else { return text }
        return text.replacingCharacters(in: range, with: other)
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with other: String) -> String {
        self[..<range.lowerBound] + other + self[range.upperBound...]
    }
}
