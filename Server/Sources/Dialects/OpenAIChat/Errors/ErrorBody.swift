import Bytes
import JSON

/// The facts in an error body, in any of the shapes that OpenAI-compatible servers use.
struct ErrorBody {
    var message = ""
    var type: String?
    var code: String?
    var field: String?

    /// The most that is read of a text, in bytes. Nothing longer is shown, and many rules search what is read.
    private static let longestText = 8192

    /// Reads an error body: `{"error": {...}}`, `{"error": "..."}`, `{"object": "error", ...}`, `{"detail": ...}`,
    /// `{"message": ...}`, or one of these as the only element of an array. Text that is no JSON has no facts.
    init(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.isUTF8 else { return }
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
            body.message = (try? cursor.readString()).map { cursor.decode($0, most: longestText) } ?? ""
        } else {
            try? body.readMembers(&cursor)
        }
        return body
    }

    private init() {}

    private enum Member: String, JSONMember {
        case error, message, detail, type, code
        case field = "param"
    }
    private static let members = JSONKeys<Member>()

    private mutating func readMembers(_ cursor: inout JSONCursor) throws(JSONFault) {
        try cursor.enterObject()
        while let key = try cursor.nextKey(of: Self.members) {
            switch (key.member, try cursor.peek()) {
            case (.error, .object): try readMembers(&cursor)
            case (.error, .string), (.message, .string), (.detail, .string):
                let text = cursor.decode(try cursor.readString(), most: Self.longestText)
                if message.isEmpty { message = text }
            case (.type, .string): type = cursor.decode(try cursor.readString(), most: Self.longestText)
            case (.code, .string): code = cursor.decode(try cursor.readString(), most: Self.longestText)
            case (.code, .number): code = try cursor.readInt().map(String.init)
            case (.field, .string): field = cursor.decode(try cursor.readString(), most: Self.longestText)
            default: try cursor.skipValue()
            }
        }
    }
}
