import Generation

/// What must be known of a whole chat completion, read without decoding the rest.
struct CompletionScan {
    private static let members = JSONKeys("choices", "model", "usage", "error")
    private static let choiceMembers = JSONKeys("message", "finish_reason", "text")
    private static let messageMembers = JSONKeys(
        "content", "role", "refusal", "tool_calls", "function_call", "audio")

    var error: Range<Int>?
    var model: JSONCursor.RawString?
    var usage: Usage?
    var choices = 0
    /// Choices that carry an answer: text, a refusal, tool calls or audio.
    var answered = 0
    var finished = 0
    var finishReason: JSONCursor.RawString?
    /// Whether a choice that does not say so itself ends in half a tool call.
    var hasHalfToolCall = false
    /// What the choices say, if that is to be kept.
    private(set) var kept: [AnsweredChoice]?

    /// Reads a completion. A member that is looked at and stands twice makes the text ambiguous and is a fault.
    init(_ bytes: UnsafeRawBufferPointer, keepsChoices: Bool = false) throws(JSONFault) {
        kept = keepsChoices ? [] : nil
        guard JSONCursor.isUTF8(bytes) else { throw JSONFault(.notUTF8, at: 0) }
        var cursor = JSONCursor(bytes)
        var seen = MembersSeen()
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            let member = cursor.index(of: key, in: Self.members)
            try seen.note(member, key)
            switch (member, try cursor.peek()) {
            case (0, .array): try readChoices(&cursor, bytes)
            case (1, .string): model = try cursor.readString()
            case (2, .object): usage = try UsageScan.read(&cursor)
            case (3, let kind) where kind != .null:
                let start = cursor.offset
                try cursor.skipValue()
                error = start..<cursor.offset
            default: try cursor.skipValue()
            }
        }
        try cursor.finish()
    }

    private mutating func readChoices(_ cursor: inout JSONCursor, _ bytes: UnsafeRawBufferPointer)
        throws(JSONFault)
    {
        try cursor.enterArray()
        while try cursor.nextElement() {
            choices += 1
            guard try cursor.peek() == .object else {
                try cursor.skipValue()
                continue
            }
            var seen = MembersSeen(), calls: ToolCalls?, mayBeCut = false, said = AnsweredChoice()
            try cursor.enterObject()
            while let key = try cursor.nextKey() {
                let member = cursor.index(of: key, in: Self.choiceMembers)
                try seen.note(member, key)
                switch (member, try cursor.peek()) {
                case (0, .object): if try readMessage(&cursor, bytes, &calls, &said) { answered += 1 }
                case (1, .string):
                    let reason = try cursor.readString()
                    if finishReason == nil { finishReason = reason }
                    let word = cursor.decode(reason)
                    said.finishReason = word
                    mayBeCut = ToolCalls.mayBeCut(word)
                    finished += 1
                case (2, .string):
                    let text = try cursor.readString()
                    if !text.range.isEmpty { answered += 1 }
                    if kept != nil { said.text += cursor.decode(text) }
                default: try cursor.skipValue()
                }
            }
            kept?.append(said)
            if let calls, !mayBeCut, !calls.areWhole(choice: 0) { hasHalfToolCall = true }
        }
    }

    /// Whether the message carries an answer; thoughts alone are none.
    private mutating func readMessage(
        _ cursor: inout JSONCursor, _ bytes: UnsafeRawBufferPointer, _ calls: inout ToolCalls?,
        _ said: inout AnsweredChoice
    ) throws(JSONFault) -> Bool {
        var answers = false, seen = MembersSeen()
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            let member = cursor.index(of: key, in: Self.messageMembers)
            try seen.note(member, key)
            switch (member, try cursor.peek()) {
            case (0, .string):
                let text = try cursor.readString()
                if !text.range.isEmpty { answers = true }
                if kept != nil { said.text += cursor.decode(text) }
            case (2, .string):
                if try !cursor.readString().range.isEmpty { (answers, said.isRefused) = (true, true) }
            case (0, .array), (3, .array):
                let start = cursor.offset
                var isEmpty = true
                try cursor.enterArray()
                while try cursor.nextElement() {
                    isEmpty = false
                    try cursor.skipValue()
                }
                answers = answers || !isEmpty
                let array = UnsafeRawBufferPointer(rebasing: bytes[start..<cursor.offset])
                guard member == 3 else {
                    if kept != nil { said.add(parts: array) }
                    continue
                }
                said.hasMore = said.hasMore || !isEmpty
                calls = ToolCalls()
                calls?.note(array, choice: 0)
            case (4, .object), (5, .object):
                (answers, said.hasMore) = (true, true)
                try cursor.skipValue()
            default: try cursor.skipValue()
            }
        }
        return answers
    }
}
