import Generation
import NIOCore

@testable import Dialects
@testable import Gateway

/// What providers answer at once.
enum Answers {
    private static let start =
        #"{"id":"x","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"content":"#
    private static let end = #"}}]}"#
    private static let values = Requests.values.map {
        Text($0.name, start + $0.start, $0.unit, $0.end + end, between: $0.between)
    }
    private static let calls = #"{"choices":[{"finish_reason":"tool_calls","message":{"tool_calls":["#

    private static let shapes = [
        Text(
            "choices", #"{"choices":["#, #"{"finish_reason":"stop","message":{"content":"a"}}"#, "]}",
            between: ","),
        Text(numbered: "tool calls", calls, "]}}]}", between: ",") {
            #"{"index":\#($0),"type":"function","function":{"name":"f","arguments":"{\"a\":\#($0)}"}}"#
        },
        Text(
            "half tool calls", calls, #"{"index":0,"function":{"arguments":"{\"a\":["}}"#, "]}}]}",
            between: ","),
        Text(numbered: "members", "{", #""choices":[]}"#) { #""member\#($0)":"\#($0)","# },
        Text(numbered: "members of a message", #"{"choices":[{"message":{"#, "}}]}", between: ",") {
            #""m\#($0)":\#($0)"#
        },
        Text("an error", #"{"error":{"message":""#, #"try again in \u0041 "#, #""}}"#),
    ]

    static let readers = [
        Reader(name: "answer", texts: values + shapes) { bytes in
            bytes.withUnsafeBytes { _ = try? CompletionScan($0, keepsChoices: true) }
        },
        Reader(name: "answer as a stream", texts: values + shapes) { bytes in
            let whole = WholeReply(body: ByteBuffer(bytes: bytes), facts: ReplyFacts())
            _ = CompletionAsStream(whole, wantsUsage: true)
        },
        Reader(
            name: "error",
            texts: [
                Text("a text", #"{"error":{"message":""#, "try again in ", #""}}"#),
                Text("escapes", #"{"error":{"message":""#, #"\u0041"#, #""}}"#),
                Text(
                    "messages", #"{"error":{"#, #""message":"sk-0123456789 try again in""#, "}}", between: ","
                ),
                Text("nested", #"{"error":{"#, #""error":{"error":{"message":"a"}}"#, "}}", between: ","),
            ]
        ) { bytes in
            let error = bytes.withUnsafeBytes { ErrorBody($0) }
            _ = WaitText.inSentence(error.message)
        },
        Reader(
            name: "redaction",
            texts: [
                Text("keys", "", "sk-0123456789abcdef "), Text("short keys", "", "sk-0 "),
                Text("prefixes", "", "sk-"),
                Text("bearers", "", "Bearer "),
                Text("near misses", "", "sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "),
                Text("one letter", "", "a"), Text("not ASCII", "", "é"),
            ]
        ) { bytes in
            let secret = Secret("sk-" + String(repeating: "a", count: 60) + "b")
            let redactor = Redactor([secret]), text = String(decoding: bytes, as: UTF8.self)
            _ = redactor.cleaned(text)
            _ = redactor.redact(text)
        },
        Reader(
            name: "rules",
            texts: [
                Text("almost a phrase", "", "aaaaaaab"), Text("one letter", "", "a"), Text("spaces", "", " "),
                Text("flags", "", "🇩🇪"), Text("accents", "e", "\u{301}"), Text("families", "", "👨‍👩‍👧"),
                Text("JSON escapes", "{\"a\":\"", #"\u0041"#, "\"}"), Text("brackets", "", "[[[]]]"),
            ]
        ) { bytes in
            var rules = AnswerRules(), choice = AnsweredChoice()
            rules.refusals = .commonRefusals
            rules.mustNotContain = [Phrase(String(repeating: "a", count: 100) + "b")]
            rules.minimumCharacters = 1000
            choice.text = String(decoding: bytes, as: UTF8.self)
            let request = GenerationRequest(
                id: RequestID(0, 0), model: "m", streams: false, wantsUsage: false, choices: 1,
                maximumTokens: nil, form: nil, body: ByteBuffer(), marks: .init(model: 0..<0, start: 0))
            _ = rules.failure(of: [choice], for: request)
        },
    ]
}
