import Generation

/// The facts in an error body, in any of the shapes that OpenAI-compatible servers use.
struct ErrorBody {
    var message = ""
    var type: String?
    var code: String?
    var field: String?

    /// Reads an error body: `{"error": {...}}`, `{"error": "..."}`, `{"object": "error", ...}`, `{"detail": ...}`,
    /// `{"message": ...}`, or one of these as the only element of an array. Text that is no JSON has no facts.
    init(_ bytes: UnsafeRawBufferPointer) {
        guard JSONCursor.isUTF8(bytes) else { return }
        var cursor = JSONCursor(bytes)
        try? readOuter(&cursor)
    }

    private mutating func readOuter(_ cursor: inout JSONCursor) throws(JSONFault) {
        if try cursor.peek() == .array {
            try cursor.enterArray()
            guard try cursor.nextElement() else { return }
        }
        try readMembers(&cursor)
    }

    /// The value of an `error` member.
    static func inner(_ bytes: UnsafeRawBufferPointer) -> ErrorBody {
        var body = ErrorBody()
        var cursor = JSONCursor(bytes)
        if (try? cursor.peek()) == .string {
            body.message = (try? cursor.readString()).map(cursor.decode) ?? ""
        } else {
            try? body.readMembers(&cursor)
        }
        return body
    }

    private init() {}

    private mutating func readMembers(_ cursor: inout JSONCursor) throws(JSONFault) {
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            let kind = try cursor.peek()
            if cursor.equals(key, "error"), kind == .object {
                try readMembers(&cursor)
            } else if kind == .string {
                let value = cursor.decode(try cursor.readString())
                if cursor.equals(key, "message") || cursor.equals(key, "detail") || cursor.equals(key, "error") {
                    if message.isEmpty { message = value }
                } else if cursor.equals(key, "type") { type = value
                } else if cursor.equals(key, "code") { code = value
                } else if cursor.equals(key, "param") { field = value }
            } else if cursor.equals(key, "code"), kind == .number {
                code = try cursor.readInt().map(String.init)
            } else {
                try cursor.skipValue()
            }
        }
    }
}
