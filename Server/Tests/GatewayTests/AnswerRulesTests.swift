import Generation
import NIOCore
import Testing

@testable import Gateway

@Suite struct AnswerRulesTests {
    private static func request(
        choices: Int = 1, maximumTokens: Int? = nil, form: GenerationRequest.JSONForm? = nil,
        streams: Bool = false
    ) -> GenerationRequest {
        GenerationRequest(
            id: RequestID(1, 2), model: "m", streams: streams, wantsUsage: false, choices: choices,
            maximumTokens: maximumTokens, form: form, body: ByteBuffer(),
            marks: GenerationRequest.Marks(model: 0..<0, start: 0))
    }

    private static func choice(_ text: String, finish: FinishReason = .stop) -> AnsweredChoice {
        var choice = AnsweredChoice()
        (choice.text, choice.finishReason) = (text, finish)
        return choice
    }

    private func cause(
        _ rules: AnswerRules, _ choices: [AnsweredChoice], _ request: GenerationRequest = Self.request()
    ) -> String? {
        let failure = rules.failure(of: choices, for: request)
        #expect(failure == nil || failure?.kind == .qualityFailure)
        return failure?.cause
    }

    @Test func `without rules an answer with text in it passes, and one without is empty`() {
        #expect(cause(AnswerRules(), [Self.choice("x")]) == nil)
        #expect(cause(AnswerRules(), [Self.choice("")]) == "empty")
        #expect(cause(AnswerRules(), [Self.choice("x"), Self.choice("")]) == "empty")
        var rules = AnswerRules()
        rules.empty = .pass
        #expect(cause(rules, [Self.choice("")]) == nil)
    }

    @Test(arguments: [
        // The text, and whether it is accepted as an object and by a schema.
        (#"{"a":1}"#, true, true), (" \n{}\t", true, true), ("[1]", false, true), ("Sure: {}", false, false),
        ("```json\n{}\n```", false, false), (#"{"a":1"#, false, false), ("{} {}", false, false),
        (#"{'a':1}"#, false, false), ("1", false, false), (#""{}""#, false, false),
        ("{\"a\":\"\n\"}", false, false),
        (String(repeating: #"{"a":"#, count: 70) + "1" + String(repeating: "}", count: 70), true, true),
    ])
    func `an answer must be the JSON that was asked for`(text: String, isObject: Bool, fitsSchema: Bool) {
        for (form, accepted) in [(GenerationRequest.JSONForm.object, isObject), (.schema, fitsSchema)] {
            let found = cause(AnswerRules(), [Self.choice(text)], Self.request(form: form))
            #expect(found == (accepted ? nil : "invalid_json"), "\(form)")
        }
        #expect(cause(AnswerRules(), [Self.choice(text)]) == nil, "nobody asked for JSON")
        var rules = AnswerRules()
        rules.json = .pass
        #expect(cause(rules, [Self.choice(text)], Self.request(form: .object)) == nil)
    }

    @Test func `what the caller itself has cut is neither truncated nor judged as JSON`() {
        var rules = AnswerRules()
        rules.truncated = .next
        let cut = [Self.choice(#"{"a":"#, finish: .length)]
        #expect(cause(rules, cut, Self.request(maximumTokens: 5, form: .object)) == nil)
        #expect(cause(rules, cut, Self.request(form: .object)) == "truncated")
        rules.truncated = .pass
        #expect(cause(rules, cut, Self.request(form: .object)) == "invalid_json")
        #expect(cause(rules, [Self.choice("", finish: .length)], Self.request(maximumTokens: 5)) == nil)
    }

    @Test func `a tool call, audio, and what a filter has ended are not judged by their text`() {
        var rules = AnswerRules()
        rules.mustContain = [Phrase("x")]
        var call = Self.choice("")
        call.hasMore = true
        #expect(cause(rules, [call], Self.request(form: .object)) == nil)
        let filtered = Self.choice("", finish: .filtered)
        #expect(cause(rules, [filtered], Self.request(form: .object)) == nil)
    }

    @Test func `a refusal of the dialect's own is no empty answer, and a refusal where these are told`() {
        var refusal = AnsweredChoice()
        refusal.isRefused = true
        #expect(cause(AnswerRules(), [refusal], Self.request(form: .object)) == nil)
        var rules = AnswerRules()
        rules.refusals = .commonRefusals
        #expect(cause(rules, [refusal]) == "refusal")
    }

    @Test(arguments: [
        ("I'm sorry, but I can't help with that.", true),
        ("I\u{2019}M SORRY, BUT I CAN\u{2019}T do it", true),
        ("\n  I cannot assist with this request.", true), ("Here is what I know.", false),
        (String(repeating: "word ", count: 100) + "I cannot assist with", false),
    ])
    func `refusals are told by the beginning of a text, whatever its case and apostrophes`(
        text: String, isRefusal: Bool
    ) {
        var rules = AnswerRules()
        rules.refusals = .commonRefusals
        #expect(cause(rules, [Self.choice(text)]) == (isRefusal ? "refusal" : nil))
        #expect(cause(AnswerRules(), [Self.choice(text)]) == nil)
    }

    @Test func `a user's texts must be in each choice, or in none`() {
        var rules = AnswerRules()
        rules.mustContain = [Phrase("BEGIN"), Phrase("END")]
        rules.mustNotContain = [Phrase("lorem")]
        #expect(cause(rules, [Self.choice("BEGIN x END")]) == nil)
        #expect(cause(rules, [Self.choice("BEGIN x")]) == "missing_text")
        #expect(cause(rules, [Self.choice("begin x end")]) == "missing_text")
        #expect(cause(rules, [Self.choice("BEGIN END"), Self.choice("END")]) == "missing_text")
        #expect(cause(rules, [Self.choice("BEGIN lorem END")]) == "forbidden_text")
        let failure = rules.failure(of: [Self.choice("BEGIN")], for: Self.request())
        #expect(failure?.message == "the provider's answer does not contain what must_contain[1] names")
    }

    @Test(arguments: [
        ("abc", true), ("ab", false), ("  ab  ", false), (" a c ", true), ("é👩‍👩‍👧x", true), ("", false),
    ])
    func `the least characters are counted as people do, without white space at the ends`(
        text: String, passes: Bool
    ) {
        var rules = AnswerRules()
        rules.empty = .pass
        rules.minimumCharacters = 3
        #expect(cause(rules, [Self.choice(text)]) == (passes ? nil : "too_short"))
    }

    @Test func `an answer is only looked at where a rule can be broken`() {
        var rules = AnswerRules()
        #expect(!rules.mustSee(Self.request()))
        #expect(rules.mustSee(Self.request(choices: 2)))
        #expect(rules.mustSee(Self.request(form: .schema)))
        #expect(rules.mustSee(Self.request(streams: true)), "a stream may hold thoughts alone")
        rules.json = .pass
        #expect(!rules.mustSee(Self.request(form: .object)))
        rules.truncated = .next
        #expect(rules.mustSee(Self.request()) && !rules.mustSee(Self.request(maximumTokens: 9)))
    }

    @Test func `a phrase is found where it stands, and nowhere else`() {
        var seed: UInt64 = 7
        func letter(_ kinds: UInt64) -> Character {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Character(Unicode.Scalar(UInt8(97 + (seed >> 33) % kinds)))
        }
        var found = 0
        for _ in 0..<5000 {
            let text = String((0..<24).map { _ in letter(2) })
            let phrase = String((0..<(1 + Int(seed >> 40) % 7)).map { _ in letter(2) })
            let expected = text.indices.contains { text[$0...].hasPrefix(phrase) }
            found += expected ? 1 : 0
            #expect(Phrase(phrase).isIn(text) == expected, "\(phrase) in \(text)")
        }
        #expect(found > 500 && found < 4900)
    }
}
