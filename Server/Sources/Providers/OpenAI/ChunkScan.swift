import Generation

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

    private static let members = JSONKeys("choices", "usage", "model", "error", "id", "created")
    private static let choiceMembers = JSONKeys("index", "delta", "finish_reason", "text", "logprobs")
    private static let deltaMembers = JSONKeys(
        "role", "content", "tool_calls", "refusal", "function_call", "audio")

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

    /// Reads a chunk and notes what its choices do. Nothing is noted of a chunk that turns out to be unreadable, since
    /// the caller will not see it.
    init(_ bytes: UnsafeRawBufferPointer, choices: inout Choices) throws(JSONFault) {
        if Self.isDoneMark(bytes) {
            isDone = true
            return
        }
        guard JSONCursor.isUTF8(bytes) else { throw JSONFault(.notUTF8, at: 0) }
        var cursor = JSONCursor(bytes), seen = MembersSeen(), noted = choices
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            let member = cursor.index(of: key, in: Self.members)
            try seen.note(member, key)
            switch (member, try cursor.peek()) {
            case (0, .array): try readChoices(&cursor, &noted)
            case (1, .object): usage = try UsageScan.read(&cursor)
            case (2, .string):
                let name = try cursor.readString()
                model = name
                modelValue = name.range.lowerBound - 1..<name.range.upperBound + 1
            case (4, .string):
                let value = try cursor.readString()
                id = value.range.lowerBound - 1..<value.range.upperBound + 1
            case (5, .number): created = try cursor.readNumber()
            case (3, let kind) where kind != .null:
                let start = cursor.offset
                try cursor.skipValue()
                error = start..<cursor.offset
            default: try cursor.skipValue()
            }
        }
        try cursor.finish()
        choices = noted
    }

    /// The end mark is recognised by its beginning, as the official clients do.
    private static func isDoneMark(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let mark: StaticString = "[DONE]"
        return bytes.count >= 6 && (0..<6).allSatisfy { bytes[$0] == mark.utf8Start[$0] }
    }

    private mutating func readChoices(_ cursor: inout JSONCursor, _ choices: inout Choices) throws(JSONFault)
    {
        try cursor.enterArray()
        choicesAreEmpty = true
        while try cursor.nextElement() {
            choicesAreEmpty = false
            var part = Part(), seen = MembersSeen()
            try cursor.enterObject()
            while let key = try cursor.nextKey() {
                let member = cursor.index(of: key, in: Self.choiceMembers)
                try seen.note(member, key)
                switch (member, try cursor.peek()) {
                case (0, .number): part.choice = try cursor.readInt() ?? 0
                case (1, .object): try readDelta(&cursor, &part)
                case (2, .string):
                    finishReason = try cursor.readString()
                    part.finish = finishReason
                case (3, .string):
                    let text = try cursor.readString()
                    guard !text.range.isEmpty else { continue }
                    (isProgress, part.hasOtherText) = (true, true)
                    part.plainText = text
                case (4, .object):
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
        while let key = try cursor.nextKey() {
            let member = cursor.index(of: key, in: Self.deltaMembers)
            try seen.note(member, key)
            switch try cursor.peek() {
            case .string:
                let value = try cursor.readString()
                guard !value.range.isEmpty, member != 0 else { continue }
                isProgress = true
                if member == 1 { part.content = value } else { part.hasOtherText = true }
                if member == 3 { part.isRefused = true }
            case .array:
                let start = cursor.offset
                var isEmpty = true
                try cursor.enterArray()
                while try cursor.nextElement() {
                    isEmpty = false
                    try cursor.skipValue()
                }
                if !isEmpty { (isProgress, part.hasMore) = (true, true) }
                if member == 2 {
                    part.toolCalls = start..<cursor.offset
                    part.hasCall = part.hasCall || !isEmpty
                }
                if member == 1, !isEmpty { part.parts = start..<cursor.offset }
            case .object:
                (isProgress, part.hasMore) = (true, true)
                part.hasCall = part.hasCall || member == 4 || member == 5
                try cursor.skipValue()
            case .null, .bool, .number:
                try cursor.skipValue()
            }
        }
    }
}
