import Bytes
import Generation
import JSON

/// What must be known of a whole chat completion, read without decoding the rest.
struct CompletionScan {
    private enum Member: String, JSONMember { case choices, model, usage, error }
    private enum ChoiceMember: String, JSONMember {
        case message, text
        case finishReason = "finish_reason"
    }
    private enum MessageMember: String, JSONMember {
        case content, role, refusal, audio
        case toolCalls = "tool_calls"
        case functionCall = "function_call"
    }
    private static let members = JSONKeys<Member>()
    private static let choiceMembers = JSONKeys<ChoiceMember>()
    private static let messageMembers = JSONKeys<MessageMember>()

    var error: Range<Int>?
    var model: JSONCursor.RawString?
    var usage: Usage?
    var choices = 0
    /// Choices that carry an answer: text, a refusal, tool calls or audio.
    var answered = 0
    var finished = 0
    /// Why the first choice that says so ended.
    var finishReason: FinishReason?
    /// Whether a choice that does not say so itself ends in half a tool call.
    var hasHalfToolCall = false
    /// What the choices say, if that is to be kept.
    private(set) var kept: [AnsweredChoice]?

    /// Reads a completion. A member that is looked at and stands twice makes the text ambiguous and is a fault.
    init(_ bytes: UnsafeRawBufferPointer, keepsChoices: Bool = false) throws(JSONFault) {
        kept = keepsChoices ? [] : nil
        do throws(JSONFault) { try readMembers(bytes) } catch { throw error.told(of: bytes) }
    }

    private mutating func readMembers(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) {
        var cursor = JSONCursor(bytes), seen = MembersSeen()
        try cursor.enterObject()
        while let key = try cursor.nextKey(of: Self.members) {
            try seen.note(key)
            switch (key.member, try cursor.peek()) {
            case (.choices, .array): try readChoices(&cursor, bytes)
            case (.model, .string): model = try cursor.readString()
            case (.usage, .object): usage = try UsageScan.read(&cursor)
            case (.error, let kind) where kind != .null:
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
            while let key = try cursor.nextKey(of: Self.choiceMembers) {
                try seen.note(key)
                switch (key.member, try cursor.peek()) {
                case (.message, .object): if try readMessage(&cursor, bytes, &calls, &said) { answered += 1 }
                case (.finishReason, .string):
                    let reason = FinishReason(try cursor.readString(), cursor)
                    if finishReason == nil { finishReason = reason }
                    said.finishReason = reason
                    mayBeCut = reason.mayBeCut
                    finished += 1
                case (.text, .string):
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
        while let key = try cursor.nextKey(of: Self.messageMembers) {
            try seen.note(key)
            switch (key.member, try cursor.peek()) {
            case (.content, .string):
                let text = try cursor.readString()
                if !text.range.isEmpty { answers = true }
                if kept != nil { said.text += cursor.decode(text) }
            case (.refusal, .string):
                if try !cursor.readString().range.isEmpty { (answers, said.isRefused) = (true, true) }
            case (.content, .array), (.toolCalls, .array):
                let start = cursor.offset
                var isEmpty = true
                try cursor.enterArray()
                while try cursor.nextElement() {
                    isEmpty = false
                    try cursor.skipValue()
                }
                answers = answers || !isEmpty
                let array = UnsafeRawBufferPointer(rebasing: bytes[start..<cursor.offset])
                guard key.member == .toolCalls else {
                    if kept != nil { said.add(parts: array) }
                    continue
                }
                said.hasMore = said.hasMore || !isEmpty
                calls = ToolCalls()
                calls?.note(array, choice: 0)
            case (.functionCall, .object), (.audio, .object):
                (answers, said.hasMore) = (true, true)
                try cursor.skipValue()
            default: try cursor.skipValue()
            }
        }
        return answers
    }
}
