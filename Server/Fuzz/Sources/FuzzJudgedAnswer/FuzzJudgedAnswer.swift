import Harness
import NIOCore

@testable import Dialects
@testable import Gateway
@testable import Generation

/// A provider's answer, whole or as a chunk of a stream, of which is kept what its choices say, and the rules that judge
/// that: keeping changes nothing of how it is read, what is kept is what Foundation reads, and what the rules accept as
/// JSON Foundation accepts too.
@main
struct FuzzJudgedAnswer {
    static func main() {
        fuzz(test)
    }

    private static func test(_ bytes: UnsafeRawBufferPointer) {
        judge([AnsweredChoice(saying: String(decoding: bytes, as: UTF8.self))])
        let plain = try? CompletionScan(bytes), whole = try? CompletionScan(bytes, keepsChoices: true)
        expect((plain == nil) == (whole == nil), "keeping what it says makes it another answer")
        expect(plain?.kept == nil, "something is kept that nobody asked for")
        if let whole, let kept = whole.kept {
            expect(
                plain?.choices == whole.choices && plain?.answered == whole.answered
                    && plain?.finished == whole.finished, "keeping what it says makes it another answer")
            check(kept, of: bytes) { ($0["message"] as? [String: Any])?["content"] }
            judge(kept)
        }
        var seen = ChunkScan.Choices()
        guard let chunk = try? ChunkScan(bytes, choices: &seen), !chunk.isDone else { return }
        var streamed: [AnsweredChoice] = []
        streamed.note(chunk, bytes)
        expect(streamed.count <= 128, "\(streamed.count) choices")
        check(streamed, of: bytes) { ($0["delta"] as? [String: Any])?["content"] }
        judge(streamed)
        let once = streamed.map(\.text.utf8.count).reduce(0, +)
        streamed.note(chunk, bytes)
        expect(streamed.map(\.text.utf8.count).reduce(0, +) == 2 * once, "a chunk says something else again")
    }

    /// Compares how much text there is in all with what Foundation reads.
    ///
    /// - Parameter content: Where a choice has the text of its message.
    private static func check(
        _ choices: [AnsweredChoice], of bytes: UnsafeRawBufferPointer, _ content: ([String: Any]) -> Any?
    ) {
        guard let read = JSONOracle.object(bytes) else { fatalError("Foundation does not accept it") }
        var length = 0, isExact = true
        for choice in (read["choices"] as? [Any] ?? []).compactMap({ $0 as? [String: Any] }) {
            let text = content(choice)
            // Members of parts may stand twice, and choices of high numbers are left out.
            if text is [Any] || !isPlainIndex(choice["index"]) { isExact = false }
            for text in [text, choice["text"]] { length += (text as? String)?.utf8.count ?? 0 }
        }
        let kept = choices.map(\.text.utf8.count).reduce(0, +)
        expect(isExact ? kept == length : kept <= 3 * bytes.count, "\(kept) bytes of \(length) are kept")
    }

    private static func isPlainIndex(_ value: Any?) -> Bool {
        guard let value else { return true }
        return (value as? Int).map { (0..<128).contains($0) } ?? false
    }

    // MARK: Judging

    private static func judge(_ choices: [AnsweredChoice]) {
        for (form, name) in [(GenerationRequest.JSONForm.object, "object"), (.schema, "schema")] {
            let failure = AnswerRules().failure(of: choices, for: request(form))
            guard failure == nil else { continue }
            for choice in choices where choice.isJudgedAsJSON {
                expect(JSONOracle.isCollection(choice.text.utf8), "no JSON is taken for \(name)")
            }
        }
        var rules = AnswerRules()
        (rules.empty, rules.json, rules.minimumCharacters) = (.pass, .pass, 3)
        (rules.refusals, rules.mustContain) = (.commonRefusals, [Phrase("a")])
        rules.mustNotContain = [Phrase("aab")]
        guard rules.failure(of: choices, for: request(nil)) == nil else { return }
        for choice in choices where choice.finishReason != .filtered && !choice.hasMore {
            let text = Array(choice.text.utf8)
            expect(text.count >= 3 && text.contains(UInt8(ascii: "a")), "a rule is not kept")
            let isForbidden = text.indices.contains { text[$0...].starts(with: Array("aab".utf8)) }
            expect(!isForbidden, "a text that must not be there is")
        }
    }

    private static func request(_ form: GenerationRequest.JSONForm?) -> GenerationRequest {
        GenerationRequest(
            id: RequestID(1, 2), model: "m", streams: false, wantsUsage: false, choices: 1, form: form,
            body: ByteBuffer(), marks: GenerationRequest.Marks(model: 0..<0, start: 0))
    }
}

extension AnsweredChoice {
    fileprivate init(saying text: String) {
        self.init()
        self.text = text
    }

    /// Whether it must be JSON where that was asked for. Half a pair of surrogates is let pass, and so is what is beyond
    /// the reader's bounds, whatever follows it; Foundation lets neither pass.
    fileprivate var isJudgedAsJSON: Bool {
        finishReason != .filtered && !hasMore && !isRefused && text.utf8.count <= 60
            && !text.contains("\\u") && !text.contains(/[0-9][eE]/)
    }
}
