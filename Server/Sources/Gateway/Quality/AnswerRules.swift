import Generation
import JSON

/// What makes an answer good enough to be given to a caller. A decision: no clock, lock or task.
public struct AnswerRules: Sendable, Hashable {
    /// What becomes of an answer that is not good enough.
    public enum Reaction: String, Sendable, Hashable, CaseIterable {
        /// The next target is asked.
        case next
        /// It is given to the caller.
        case pass
    }

    /// What a caller gets when no target's answer was good enough.
    public enum LastResort: String, Sendable, Hashable, CaseIterable {
        /// An error that says so.
        case error
        /// The first of the answers, marked as what it is.
        case deliver
    }

    /// The longest list of texts, and the longest of its texts in characters.
    public static let mostTexts = 32, longestText = 256
    /// How much of an answer is searched for refusals, in characters.
    public static let refusalLength = 400

    /// A choice without text, refusal, tool call or audio. Default: next.
    public var empty = Reaction.next
    /// A choice that ends by its length, although the caller set none. Default: pass.
    public var truncated = Reaction.pass
    /// A choice that is no JSON, although the caller asked for it. Default: next.
    public var json = Reaction.next
    /// Texts by which a refusal is told, without regard to case. Default: none.
    public var refusals: [Phrase] = []
    /// Texts that must all be in each choice. Default: none.
    public var mustContain: [Phrase] = []
    /// Texts of which none may be in any choice. Default: none.
    public var mustNotContain: [Phrase] = []
    /// The least characters of each choice, white space at either end not counted. Range: 0 to 100,000. Default: 0.
    public var minimumCharacters = 0
    /// What a caller gets when no answer was good enough. Default: error.
    public var lastResort = LastResort.error

    /// Creates the rules that hold where nothing else is said.
    public init() {}

    /// Whether a request's answer has to be kept for ``failure(of:for:)``. Providers find by themselves that nothing is
    /// in an answer that came as a whole.
    func mustSee(_ request: GenerationRequest) -> Bool {
        if json == .next, request.form != nil { return true }
        if truncated == .next, request.maximumTokens == nil { return true }
        if empty == .next, request.choices > 1 || request.streams { return true }
        return !refusals.isEmpty || !mustContain.isEmpty || !mustNotContain.isEmpty || minimumCharacters > 0
    }

    /// Why an answer is not good enough; nil if it is. Takes time in proportion to its length and the number of texts.
    func failure(of choices: [AnsweredChoice], for request: GenerationRequest) -> AttemptFailure? {
        for (index, choice) in choices.enumerated() {
            guard let flaw = flaw(of: choice, for: request) else { continue }
            let place = choices.count > 1 ? " (choice \(index))" : ""
            return AttemptFailure(
                .qualityFailure, cause: flaw.cause, phase: .body, status: 200,
                message: "the provider's answer \(flaw.words)\(place)")
        }
        return nil
    }

    private typealias Flaw = (cause: String, words: String)

    private func flaw(of choice: AnsweredChoice, for request: GenerationRequest) -> Flaw? {
        // What a filter has taken away is the provider's policy, not a fault of its answer.
        guard choice.finishReason != .filtered else { return nil }
        let isCut = choice.finishReason == .length, isCutByCaller = isCut && request.maximumTokens != nil
        if truncated == .next, isCut, !isCutByCaller { return ("truncated", "is cut off") }
        guard !choice.hasMore else { return nil }
        if choice.isRefused {
            if !refusals.isEmpty { return ("refusal", "is a refusal") }
        } else if choice.text.isEmpty {
            if empty == .next, !isCutByCaller { return ("empty", "is empty") }
        } else if json == .next, !isCutByCaller, let form = request.form, !form.accepts(choice.text) {
            return ("invalid_json", "is no JSON \(form == .object ? "object" : "object or array")")
        }
        return flaw(of: choice.text)
    }

    private func flaw(of text: String) -> Flaw? {
        if !refusals.isEmpty {
            let beginning = Phrase.folded(text.beginning(of: Self.refusalLength))
            if refusals.contains(where: { $0.isIn(beginning) }) { return ("refusal", "is a refusal") }
        }
        if let index = mustContain.firstIndex(where: { !$0.isIn(text) }) {
            return ("missing_text", "does not contain what must_contain[\(index)] names")
        }
        if let index = mustNotContain.firstIndex(where: { $0.isIn(text) }) {
            return ("forbidden_text", "contains what must_not_contain[\(index)] names")
        }
        guard minimumCharacters > 0, !text.hasCharacters(minimumCharacters) else { return nil }
        return ("too_short", "has fewer than \(minimumCharacters) characters")
    }
}

extension GenerationRequest.JSONForm {
    /// Whether a text is JSON of this form. What is valid and only too large for the reader's bounds is.
    fileprivate func accepts(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var cursor = JSONCursor(UnsafeRawBufferPointer(bytes))
            do throws(JSONFault) {
                let kind = try cursor.peek()
                guard kind == .object || self == .schema && kind == .array else { return false }
                try cursor.skipValue()
                try cursor.finish()
                return true
            } catch {
                switch error.kind {
                case .tooDeep, .tooManyValues, .numberTooLong, .numberTooLarge, .loneSurrogate: return true
                default: return false
                }
            }
        }
    }
}

extension String {
    /// Whether so many characters are between the white space at its ends.
    fileprivate func hasCharacters(_ count: Int) -> Bool {
        // By scalars, since to tell characters apart from the end takes far longer.
        guard let last = unicodeScalars.lastIndex(where: { !$0.properties.isWhitespace }) else {
            return false
        }
        let text = Substring(unicodeScalars[...last].drop { $0.properties.isWhitespace })
        guard text.unicodeScalars.index(text.startIndex, offsetBy: count, limitedBy: text.endIndex) != nil
        else { return false }
        return text.index(text.startIndex, offsetBy: count, limitedBy: text.endIndex) != nil
    }

    /// The first characters that are no white space; fewer where a character has very many accents.
    fileprivate func beginning(of count: Int) -> Substring {
        let scalars = unicodeScalars.drop { $0.properties.isWhitespace }.prefix(4 * count)
        return Substring(scalars).prefix(count)
    }
}
