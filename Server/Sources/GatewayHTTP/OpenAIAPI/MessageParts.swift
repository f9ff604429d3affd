import Generation

/// The parts that a message's content is made of.
enum MessageParts {
    private static let keys = JSONKeys("type"), texts = JSONKeys("text", "refusal", "thinking")

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
            while let key = try cursor.nextKey() {
                guard cursor.index(of: key, in: keys) == 0, try cursor.peek() == .string else {
                    try cursor.skipValue()
                    continue
                }
                if cursor.index(of: try cursor.readString(), in: texts) < 0 { hasMedia = true }
            }
        }
        return hasMedia
    }
}
