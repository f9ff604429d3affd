import Generation
import JSON

/// What must be known of one chunk of a streamed chat completion, read without decoding the rest.
struct ChunkScan {
    /// How often each choice was seen to begin and to finish.
    struct Choices {
        /// One bit for each of the first 128 choices.
        private var seen: (UInt64, UInt64) = (0, 0)
        private var finished: (UInt64, UInt64) = (0, 0)

        mutating func note(_ index: Int, finishes: Bool) {
            let bit: UInt64 = 1 << UInt64(index & 63)
            if index < 64 { seen.0 |= bit } else { seen.1 |= bit }
            guard finishes else { return }
            if index < 64 { finished.0 |= bit } else { finished.1 |= bit }
        }

        var isEmpty: Bool { seen == (0, 0) }
        var finishedCount: Int { finished.0.nonzeroBitCount + finished.1.nonzeroBitCount }
        var allSeenFinished: Bool { finishedCount > 0 && seen == finished }
    }

    private enum Member: String, JSONMember { case choices, usage, model, error, id, created, obfuscation }
    private enum ChoiceMember: String, JSONMember {
        case index, delta, text, logprobs
        case finishReason = "finish_reason"
    }
    private enum DeltaMember: String, JSONMember {
        case role, content, refusal, audio
        case toolCalls = "tool_calls"
        case functionCall = "function_call"
    }
    private static let members = JSONKeys<Member>()
    private static let choiceMembers = JSONKeys<ChoiceMember>()
    private static let deltaMembers = JSONKeys<DeltaMember>()

    /// What a chunk brings for one choice.
    struct Part {
        var choice = 0
        /// The text, if there is any.
        var content: JSONCursor.RawString?
        /// Whether it brings a text of another kind, such as a line of reasoning.
        var hasOtherText = false
        /// Whether it brings something that is no text, such as a tool call, or tells of tokens.
        var hasMore = false
        /// Where the pieces of tool calls stand.
        var toolCalls: Range<Int>?
        /// Where its text stands if it comes in parts.
        var parts: Range<Int>?
        /// The text of a completion that has no messages.
        var plainText: JSONCursor.RawString?
        /// Whether it brings a part of a refusal.
        var isRefused = false
        /// Whether it brings a part of a tool call or of audio.
        var hasCall = false

        /// Whether it brings more than thoughts.
        var isAnswer: Bool {
            content != nil || parts != nil || plainText != nil || isRefused || hasCall
        }
        var finish: JSONCursor.RawString?
    }

    var isDone = false
    /// The first choice's part, and those of further choices, which are rare.
    var part: Part?
    var otherParts: [Part] = []
    /// Where the values stand that are the same in all chunks of an answer.
    var id: Range<Int>?, created: Range<Int>?, modelValue: Range<Int>?
    /// Where the letters stand that only hide how long the text is.
    var obfuscation: Range<Int>?
    /// Where an error member's value stands.
    var error: Range<Int>?
    var model: JSONCursor.RawString?
    var usage: Usage?
    /// Whether there is a `choices` member and it is empty, as in the chunk that brings the usage.
    var choicesAreEmpty = false
    /// Whether it carries a part of an answer.
    var isProgress = false
    var finishReason: JSONCursor.RawString?
    /// Whether it brings more than thoughts.
    var isAnswer: Bool { part?.isAnswer ?? false || otherParts.contains(where: \.isAnswer) }

    /// The part of a chunk that brings text of one choice and nothing else that is looked at; nil for any other.
    var plainPart: Part? {
        guard let part, otherParts.isEmpty, isProgress, error == nil, usage == nil, part.content != nil,
            part.finish == nil, part.toolCalls == nil, part.parts == nil, part.plainText == nil,
            !part.hasOtherText, !part.hasMore, !part.isRefused, !part.hasCall, (0..<128).contains(part.choice)
        else { return nil }
        return part
    }

    /// Reads a chunk and notes what its choices do. Nothing is noted of a chunk that turns out to be unreadable, since
    /// the caller will not see it.
    init(_ bytes: UnsafeRawBufferPointer, choices: inout Choices) throws(JSONFault) {
        if ChatStreamEnd.isMark(bytes) {
            isDone = true
            return
        }
        var cursor = JSONCursor(bytes), seen = MembersSeen(), noted = choices
        try cursor.enterObject()
        while let key = try cursor.nextKey(of: Self.members) {
            let kind = try cursor.peek()
            if key.member == .obfuscation, kind == .string {
                obfuscation = try cursor.readString().range
                continue
            }
            if key.member != .obfuscation { try seen.note(key) }
            switch (key.member, kind) {
            case (.choices, .array): try readChoices(&cursor, &noted)
            case (.usage, .object): usage = try UsageScan.read(&cursor)
            case (.model, .string):
                let name = try cursor.readString()
                model = name
                modelValue = name.quoted
            case (.id, .string): id = try cursor.readString().quoted
            case (.created, .number): created = try cursor.readNumber()
            case (.error, let kind) where kind != .null:
                let start = cursor.offset
                try cursor.skipValue()
                error = start..<cursor.offset
            default: try cursor.skipValue()
            }
        }
        try cursor.finish()
        choices = noted
    }

    private mutating func readChoices(_ cursor: inout JSONCursor, _ choices: inout Choices) throws(JSONFault)
    {
        try cursor.enterArray()
        choicesAreEmpty = true
        while try cursor.nextElement() {
            choicesAreEmpty = false
            var part = Part(), seen = MembersSeen()
            try cursor.enterObject()
            while let key = try cursor.nextKey(of: Self.choiceMembers) {
                try seen.note(key)
                switch (key.member, try cursor.peek()) {
                case (.index, .number): part.choice = try cursor.readInt() ?? 0
                case (.delta, .object): try readDelta(&cursor, &part)
                case (.finishReason, .string):
                    finishReason = try cursor.readString()
                    part.finish = finishReason
                case (.text, .string):
                    let text = try cursor.readString()
                    guard !text.range.isEmpty else { continue }
                    (isProgress, part.hasOtherText) = (true, true)
                    part.plainText = text
                case (.logprobs, .object):
                    part.hasMore = true
                    try cursor.skipValue()
                default: try cursor.skipValue()
                }
            }
            if (0..<128).contains(part.choice) { choices.note(part.choice, finishes: part.finish != nil) }
            if self.part == nil { self.part = part } else { otherParts.append(part) }
        }
    }

    /// A delta is progress if any of its members but the role carries something.
    private mutating func readDelta(_ cursor: inout JSONCursor, _ part: inout Part) throws(JSONFault) {
        var seen = MembersSeen()
        try cursor.enterObject()
        while let key = try cursor.nextKey(of: Self.deltaMembers) {
            try seen.note(key)
            let member = key.member
            switch try cursor.peek() {
            case .string:
                let value = try cursor.readString()
                guard !value.range.isEmpty, member != .role else { continue }
                isProgress = true
                if member == .content { part.content = value } else { part.hasOtherText = true }
                if member == .refusal { part.isRefused = true }
            case .array:
                let start = cursor.offset
                var isEmpty = true
                try cursor.enterArray()
                while try cursor.nextElement() {
                    isEmpty = false
                    try cursor.skipValue()
                }
                if !isEmpty { (isProgress, part.hasMore) = (true, true) }
                if member == .toolCalls {
                    part.toolCalls = start..<cursor.offset
                    part.hasCall = part.hasCall || !isEmpty
                }
                if member == .content, !isEmpty { part.parts = start..<cursor.offset }
            case .object:
                (isProgress, part.hasMore) = (true, true)
                part.hasCall = part.hasCall || member == .functionCall || member == .audio
                try cursor.skipValue()
            case .null, .bool, .number:
                try cursor.skipValue()
            }
        }
    }
}
