import Generation
import NIOCore

@testable import Dialects

/// What callers send.
enum Requests {
    private static let start = #"{"model":"m","messages":[{"role":"user","content":"#
    private static let end = #"}]}"#

    /// Texts that stand where a value does.
    static let values: [(name: String, start: String, unit: String, end: String, between: String)] = [
        ("plain", "\"", "a", "\"", ""),
        ("lines", "\"", "the provider answered late, so the next one was asked\\n", "\"", ""),
        ("escapes", "\"", #"\u0041"#, "\"", ""), ("quotes", "\"", #"\""#, "\"", ""),
        ("backslashes", "\"", #"\\"#, "\"", ""), ("pairs", "\"", #"\ud83d\ude00"#, "\"", ""),
        ("Chinese", "\"", "中", "\"", ""), ("emoji", "\"", "😀", "\"", ""),
        ("many elements", "[", "\"a\"", "]", ","), ("empty texts", "[", "\"\"", "]", ","),
        ("spaces", "[", "      \n \t  1", "  ]", ","), ("one space", "[", " ", "]", ""),
        ("digits", "[", String(repeating: "7", count: 60), "]", ","),
        ("exponents", "[", "1.7976931348623157e+307", "]", ","),
        (
            "nesting", "[",
            String(repeating: "[", count: 50) + "\"\(String(repeating: "a", count: 99))\""
                + String(repeating: "]", count: 50), "]", ","
        ),
        ("objects", "[", #"{"a":{"b":{"c":{}}}}"#, "]", ","),
        ("parts", "[", #"{"type":"text","text":"hello"}"#, "]", ","),
    ]

    static let readers = [
        Reader(
            name: "request",
            texts: values.map { Text($0.name, start + $0.start, $0.unit, $0.end + end, between: $0.between) }
                + [
                    Text(
                        "messages", #"{"model":"m","messages":["#, #"{"role":"user","content":"a"}"#, "]}",
                        between: ","),
                    Text(numbered: "keys", #"{"model":"m","messages":[{"role":"user"}],"#, "}", between: ",")
                    {
                        #""key\#($0)":\#($0)"#
                    },
                    Text(
                        "escaped keys", #"{"model":"m","messages":[{"role":"user"}],"#,
                        #""mod\u0065\u006c\u0073":1"#, "}", between: ","),
                    Text(
                        "one long key", #"{"model":"m","messages":[{"role":"user"}],""#, #"\u0061"#, #"":1}"#),
                    Text("one long model", #"{"messages":[{"role":"user"}],"model":""#, #"\u0061"#, #""}"#),
                    Text(
                        "roles twice", #"{"model":"m","messages":[{"#, #""role":"user""#, "}]}", between: ","),
                ]
        ) { _ = try? ChatRequestScan.read(ByteBuffer(bytes: $0)) },
        // Refusals name the place of the fault, which is looked for from the beginning.
        Reader(
            name: "refused request",
            texts: values.map {
                Text($0.name, start + $0.start, $0.unit, "\u{1}", between: $0.between)
            } + [
                Text("open quotes", #"{"a":[""#, #"\""#, "\u{1}"),
                Text("a key of escapes", #"{"a":{""#, #"\""#, "\u{1}"),
                Text("spaces before keys", "{", "       \"a\"    :  1   ", "\u{1}", between: ","),
                Text("open", "", #"{"a":"#), Text("only spaces", "", " "),
                Text("not UTF-8", "{\"", "é", "\u{1}"),
            ]
        ) { _ = try? ChatRequestScan.read(ByteBuffer(bytes: $0)) },
    ]
}
