import Generation

/// What must be known of a whole chat completion, read without decoding the rest.
struct CompletionScan {
    var error: Range<Int>?
    var model: JSONCursor.RawString?
    var usage: Usage?
    var choices = 0
    /// Choices that carry an answer: text, a refusal, tool calls or audio.
    var answered = 0
    var finished = 0
    var finishReason: JSONCursor.RawString?
    var refused = false

    /// Reads a completion. A member that is looked at and stands twice makes the text ambiguous and is a fault.
    init(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) {
        guard JSONCursor.isUTF8(bytes) else { throw JSONFault(.notUTF8, at: 0) }
        var cursor = JSONCursor(bytes)
        var hasChoices = false, hasModel = false
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            if cursor.equals(key, "choices") {
                if hasChoices { throw JSONFault(.duplicateKey, at: key.range.lowerBound) }
                hasChoices = true
                guard try cursor.peek() == .array else {
                    try cursor.skipValue()
                    continue
                }
                try readChoices(&cursor)
            } else if cursor.equals(key, "model"), try cursor.peek() == .string {
                if hasModel { throw JSONFault(.duplicateKey, at: key.range.lowerBound) }
                hasModel = true
                model = try cursor.readString()
            } else if cursor.equals(key, "usage"), try cursor.peek() == .object {
                usage = try UsageScan.read(&cursor)
            } else if cursor.equals(key, "error"), try cursor.peek() != .null {
                let start = cursor.offset
                try cursor.skipValue()
                error = start..<cursor.offset
            } else {
                try cursor.skipValue()
            }
        }
        try cursor.finish()
    }

    private mutating func readChoices(_ cursor: inout JSONCursor) throws(JSONFault) {
        try cursor.enterArray()
        while try cursor.nextElement() {
            choices += 1
            guard try cursor.peek() == .object else {
                try cursor.skipValue()
                continue
            }
            try cursor.enterObject()
            while let key = try cursor.nextKey() {
                if cursor.equals(key, "message"), try cursor.peek() == .object {
                    if try readMessage(&cursor) { answered += 1 }
                } else if cursor.equals(key, "text"), try cursor.peek() == .string {
                    if try !cursor.readString().range.isEmpty { answered += 1 }
                } else if cursor.equals(key, "finish_reason"), try cursor.peek() == .string {
                    let reason = try cursor.readString()
                    if finishReason == nil { finishReason = reason }
                    finished += 1
                } else {
                    try cursor.skipValue()
                }
            }
        }
    }

    private mutating func readMessage(_ cursor: inout JSONCursor) throws(JSONFault) -> Bool {
        var answers = false, hasContent = false
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            let isContent = cursor.equals(key, "content")
            if isContent {
                if hasContent { throw JSONFault(.duplicateKey, at: key.range.lowerBound) }
                hasContent = true
            }
            switch try cursor.peek() {
            case .string:
                let value = try cursor.readString()
                guard !value.range.isEmpty, !cursor.equals(key, "role") else { continue }
                if cursor.equals(key, "refusal") { refused = true }
                // Thoughts alone are no answer.
                answers = answers || isContent || cursor.equals(key, "refusal")
            case .array:
                let counts = isContent || cursor.equals(key, "tool_calls")
                try cursor.enterArray()
                while try cursor.nextElement() {
                    answers = answers || counts
                    try cursor.skipValue()
                }
            case .object:
                answers = answers || cursor.equals(key, "function_call") || cursor.equals(key, "audio")
                try cursor.skipValue()
            case .null, .bool, .number: try cursor.skipValue()
            }
        }
        return answers
    }
}
