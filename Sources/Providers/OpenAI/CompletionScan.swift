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
    var refused = false
    /// Whether a choice that does not say so itself ends in half a tool call.
    var hasHalfToolCall = false

    /// Reads a completion. A member that is looked at and stands twice makes the text ambiguous and is a fault.
    init(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) {
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
            var seen = MembersSeen(), calls: ToolCalls?, mayBeCut = false
            try cursor.enterObject()
            while let key = try cursor.nextKey() {
                let member = cursor.index(of: key, in: Self.choiceMembers)
                try seen.note(member, key)
                switch (member, try cursor.peek()) {
                case (0, .object): if try readMessage(&cursor, bytes, &calls) { answered += 1 }
                case (1, .string):
                    let reason = try cursor.readString()
                    if finishReason == nil { finishReason = reason }
                    mayBeCut = ToolCalls.mayBeCut(cursor.decode(reason))
                    finished += 1
                case (2, .string): if try !cursor.readString().range.isEmpty { answered += 1 }
                default: try cursor.skipValue()
                }
            }
            if let calls, !mayBeCut, !calls.areWhole(choice: 0) { hasHalfToolCall = true }
        }
    }

    /// Whether the message carries an answer; thoughts alone are none.
    private mutating func readMessage(
        _ cursor: inout JSONCursor, _ bytes: UnsafeRawBufferPointer, _ calls: inout ToolCalls?
    ) throws(JSONFault) -> Bool {
        var answers = false, seen = MembersSeen()
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            let member = cursor.index(of: key, in: Self.messageMembers)
            try seen.note(member, key)
            switch (member, try cursor.peek()) {
            case (0, .string): if try !cursor.readString().range.isEmpty { answers = true }
            case (2, .string):
                if try !cursor.readString().range.isEmpty { (answers, refused) = (true, true) }
            case (0, .array), (3, .array):
                let start = cursor.offset
                try cursor.enterArray()
                while try cursor.nextElement() {
                    answers = true
                    try cursor.skipValue()
                }
                guard member == 3 else { continue }
                calls = ToolCalls()
                calls?.note(UnsafeRawBufferPointer(rebasing: bytes[start..<cursor.offset]), choice: 0)
            case (4, .object), (5, .object):
                answers = true
                try cursor.skipValue()
            default: try cursor.skipValue()
            }
        }
        return answers
    }
}
