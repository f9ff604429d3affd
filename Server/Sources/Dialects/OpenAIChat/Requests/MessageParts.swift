import JSON

/// The parts that a message's content is made of.
enum MessageParts {
    private enum Member: String, JSONMember { case type }
    private enum TextType: String, JSONMember { case text, refusal, thinking }
    private static let members = JSONKeys<Member>(), texts = JSONKeys<TextType>()

    /// Passes over the parts that come next, and says whether one of them is more than text.
    static func hasMedia(_ cursor: inout JSONCursor) throws(JSONFault) -> Bool {
        var hasMedia = false
        try cursor.enterArray()
        while try cursor.nextElement() {
            guard try cursor.peek() == .object else {
                try cursor.skipValue()
                continue
            }
            try cursor.enterObject()
            while let key = try cursor.nextKey(of: members) {
                guard key.member == .type, try cursor.peek() == .string else {
                    try cursor.skipValue()
                    continue
                }
                if cursor.word(try cursor.readString(), among: texts) == nil { hasMedia = true }
            }
        }
        return hasMedia
    }
}
