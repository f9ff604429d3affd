import Generation
import JSON
import Testing

@testable import Dialects

@Suite struct ScanTests {
    private func completion(_ text: String) throws -> CompletionScan {
        try Array(text.utf8).withUnsafeBytes { try CompletionScan($0) }
    }

    private func chunk(_ text: String, _ choices: inout ChunkScan.Choices) throws -> ChunkScan {
        var choices = choices
        defer { _ = choices }
        return try Array(text.utf8).withUnsafeBytes { try ChunkScan($0, choices: &choices) }
    }

    @Test(arguments: [
        (#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#, 1, 1),
        (#"{"choices":[{"message":{"content":null,"tool_calls":[{}]},"finish_reason":"tool_calls"}]}"#, 1, 1),
        (#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#, 1, 1),
        (#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#, 0, 1),
        (#"{"choices":[{"message":{"content":null},"finish_reason":null}]}"#, 0, 0),
        (#"{"choices":[{"message":{"reasoning_content":"hm"},"finish_reason":"length"}]}"#, 0, 1),
        (#"{"choices":[]}"#, 0, 0), ("{}", 0, 0), (#"{"choices":null}"#, 0, 0),
    ])
    func `a completion is judged by its answer and its end`(text: String, answered: Int, finished: Int) throws
    {
        let scan = try completion(text)
        #expect(scan.answered == answered && scan.finished == finished)
    }

    @Test(arguments: [
        #"{"choices":[],"choices":[]}"#, #"{"choices":[{"message":{"content":"a","content":"b"}}]}"#, "{",
        #"{"choices":[{"message":{"content":"a"},"message":{"content":""}}]}"#,
        #"{"choices":[{"finish_reason":"stop","finish_reason":null}]}"#,
        "[]", "", "NaN", "\u{FEFF}{}",
        #"{"choices":[{"message":{"content":"\ud800"}}]}"#,
    ])
    func `what could be read in two ways or not at all is a fault`(text: String) {
        #expect(throws: JSONFault.self) { try completion(text) }
    }

    @Test(arguments: [
        (#"{"prompt_tokens":5,"completion_tokens":7}"#, Usage(promptTokens: 5, completionTokens: 7)),
        (#"{"prompt_tokens":5}"#, Usage(promptTokens: 5, completionTokens: 0, isEstimated: true)),
        (
            #"{"prompt_tokens":-1,"completion_tokens":7}"#,
            Usage(promptTokens: 0, completionTokens: 7, isEstimated: true)
        ),
        (
            #"{"prompt_tokens":"5","completion_tokens":7}"#,
            Usage(promptTokens: 0, completionTokens: 7, isEstimated: true)
        ),
        (
            #"{"prompt_tokens":1e18,"completion_tokens":99999999999999999999}"#,
            Usage(promptTokens: 0, completionTokens: 0, isEstimated: true)
        ),
    ])
    func `nonsense in the usage makes it an estimate and nothing else`(usage: String, expected: Usage) throws
    {
        let scan = try completion(
            #"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":\#(usage)}"#)
        #expect(scan.usage == expected)
    }

    @Test(arguments: [
        (#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#, false),
        (#"{"choices":[{"delta":{"content":"a"}}]}"#, true),
        (#"{"choices":[{"delta":{"tool_calls":[{}]}}]}"#, true),
        (#"{"choices":[{"delta":{"reasoning_content":"a"}}]}"#, true),
        (#"{"choices":[{"delta":{}}]}"#, false), (#"{"choices":[]}"#, false), ("{}", false),
        (#"{"choices":[{"text":"a"}]}"#, true),
    ])
    func `a chunk is progress if it carries a part of an answer`(text: String, isProgress: Bool) throws {
        var choices = ChunkScan.Choices()
        #expect(try chunk(text, &choices).isProgress == isProgress)
    }

    /// What is kept of an answer, which is the same whether it came as a whole or as a stream.
    private static let kept: [(message: String, text: String, isRefused: Bool, hasMore: Bool)] = [
        (#""content":"a\u0062\n""#, "ab\n", false, false), (#""content":null"#, "", false, false),
        (#""content":null,"refusal":"no""#, "", true, false),
        (#""reasoning_content":"hm""#, "", false, false),
        (#""content":"a","tool_calls":[{}]"#, "a", false, true), (#""tool_calls":[]"#, "", false, false),
        (#""function_call":{}"#, "", false, true), (#""audio":{}"#, "", false, true),
        (#""content":[{"type":"text","text":"a"},{"text":"b","type":"text"}]"#, "ab", false, false),
        (#""content":[{"type":"thinking","thinking":[]},{"type":"text","text":"a"}]"#, "a", false, false),
        (#""content":[{"type":"image_url"}],"annotations":[{}]"#, "", false, true),
        (#""content":[{"type":"refusal","refusal":"no"}]"#, "", true, false),
    ]

    @Test(arguments: kept.indices)
    func `what the choices say is kept if that is wanted`(index: Int) throws {
        let (message, text, isRefused, hasMore) = Self.kept[index]
        var expected = AnsweredChoice()
        (expected.text, expected.isRefused, expected.hasMore) = (text, isRefused, hasMore)
        expected.finishReason = .stop
        let whole = #"{"choices":[{"message":{\#(message)},"finish_reason":"stop"}]}"#
        let scan = try Array(whole.utf8).withUnsafeBytes { try CompletionScan($0, keepsChoices: true) }
        #expect(scan.kept == [expected])
        #expect(try completion(whole).kept == nil)
        let event = Array(#"{"choices":[{"index":0,"delta":{\#(message)},"finish_reason":"stop"}]}"#.utf8)
        var choices = ChunkScan.Choices(), kept: [AnsweredChoice] = []
        try event.withUnsafeBytes { bytes in
            let scan = try ChunkScan(bytes, choices: &choices)
            kept.note(scan, bytes)
            #expect(scan.isAnswer == (!text.isEmpty || isRefused || hasMore))
        }
        #expect(kept == [expected])
    }

    @Test func `the text of a stream is put together for each choice`() throws {
        var choices = ChunkScan.Choices(), kept: [AnsweredChoice] = []
        for (index, word) in [(1, "a"), (0, "b"), (1, "c")] {
            let event = #"{"choices":[{"index":\#(index),"delta":{"content":"\#(word)"}}]}"#
            try Array(event.utf8).withUnsafeBytes {
                kept.note(try ChunkScan($0, choices: &choices), $0)
            }
        }
        #expect(kept.map(\.text) == ["b", "ac"])
    }

    @Test func `all choices that were seen must finish`() throws {
        var choices = ChunkScan.Choices()
        func see(_ text: String) throws {
            _ = try Array(text.utf8).withUnsafeBytes { try ChunkScan($0, choices: &choices) }
        }
        try see(
            #"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":127,"delta":{"content":"b"}},{"index":-1},{"index":128}]}"#
        )
        #expect(!choices.allSeenFinished)
        try see(#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#)
        #expect(!choices.allSeenFinished && choices.finishedCount == 1)
        try see(#"{"choices":[{"index":127,"delta":{},"finish_reason":"stop"}]}"#)
        #expect(choices.allSeenFinished && choices.finishedCount == 2)
    }

    @Test(arguments: [
        #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#,
        #"{"choices":[{"index":0,"finish_reason":"stop"}],"choices":[]}"#,
        #"{"choices":[{"index":0,"finish_reason":"stop","finish_reason":null}]}"#,
        #"{"choices":[{"index":0,"finish_reason":"stop","delta":{"content":"a","content":"b"}}]}"#,
    ])
    func `an unreadable chunk finishes nothing`(text: String) {
        var choices = ChunkScan.Choices()
        #expect(throws: JSONFault.self) {
            try Array(text.utf8).withUnsafeBytes { _ = try ChunkScan($0, choices: &choices) }
        }
        #expect(choices.isEmpty && choices.finishedCount == 0)
    }

    @Test func `the end mark is recognised by its beginning`() throws {
        var choices = ChunkScan.Choices()
        #expect(try chunk("[DONE]", &choices).isDone)
        #expect(try chunk("[DONE] ", &choices).isDone)
        #expect(throws: JSONFault.self) { try chunk("[DON", &choices) }
    }
}
