package import Generation
import JSON

/// The words of chat completions for the reasons why they end.
extension FinishReason {
    private enum Word: String, JSONMember {
        case stop, length
        case toolCalls = "tool_calls"
        case filtered = "content_filter"
    }
    private static let words = JSONKeys<Word>()

    /// The longest word that is read, in bytes.
    private static let longestWord = 1000

    /// The reason that stands in a text.
    init(_ string: JSONCursor.RawString, _ cursor: JSONCursor) {
        switch cursor.word(string, among: Self.words) {
        case .stop: self = .stop
        case .length: self = .length
        case .toolCalls: self = .toolCalls
        case .filtered: self = .filtered
        case nil: self = .other(cursor.decode(string, most: Self.longestWord))
        }
    }

    /// The word for it.
    package var word: String {
        switch self {
        case .stop: Word.stop.rawValue
        case .length: Word.length.rawValue
        case .toolCalls: Word.toolCalls.rawValue
        case .filtered: Word.filtered.rawValue
        case .other(let word): word
        }
    }

    /// The same without secrets of the provider.
    func cleaned(by redactor: Redactor) -> FinishReason {
        if case .other(let word) = self { .other(redactor.cleaned(word)) } else { self }
    }
}
