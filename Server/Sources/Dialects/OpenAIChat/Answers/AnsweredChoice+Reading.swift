import Generation
import JSON

extension AnsweredChoice {
    private enum Member: String, JSONMember { case type, text }
    private enum PartType: String, JSONMember {
        case text, thinking, reasoning, refusal
        case outputText = "output_text"
    }
    private static let members = JSONKeys<Member>()
    private static let types = JSONKeys<PartType>()

    /// Adds the text that stands in an array of parts, which was read without fault before.
    mutating func add(parts: UnsafeRawBufferPointer) {
        var cursor = JSONCursor(parts)
        try? read(&cursor)
    }

    private mutating func read(_ cursor: inout JSONCursor) throws(JSONFault) {
        try cursor.enterArray()
        while try cursor.nextElement() {
            guard try cursor.peek() == .object else {
                try cursor.skipValue()
                continue
            }
            var text = "", type: PartType?
            try cursor.enterObject()
            while let key = try cursor.nextKey(of: Self.members) {
                switch (key.member, try cursor.peek()) {
                case (.type, .string): type = cursor.word(try cursor.readString(), among: Self.types)
                case (.text, .string): text = cursor.decode(try cursor.readString())
                default: try cursor.skipValue()
                }
            }
            switch type {
            case .text, .outputText: self.text += text
            case .thinking, .reasoning: break
            case .refusal: isRefused = true
            case nil: hasMore = true
            }
        }
    }
}

extension [AnsweredChoice] {
    /// Notes a chunk of a stream.
    mutating func note(_ scan: ChunkScan, _ data: UnsafeRawBufferPointer) {
        if let part = scan.part { note(part, data) }
        for part in scan.otherParts { note(part, data) }
    }

    /// Adds a text to what a choice says.
    mutating func add(_ text: JSONCursor.RawString, in data: UnsafeRawBufferPointer, toChoice choice: Int) {
        guard (0..<128).contains(choice) else { return }
        while count <= choice { append(AnsweredChoice()) }
        self[choice].text += JSONCursor(data).decode(text)
    }

    private mutating func note(_ part: ChunkScan.Part, _ data: UnsafeRawBufferPointer) {
        guard (0..<128).contains(part.choice) else { return }
        while count <= part.choice { append(AnsweredChoice()) }
        let cursor = JSONCursor(data)
        for text in [part.content, part.plainText] {
            if let text { self[part.choice].text += cursor.decode(text) }
        }
        if let parts = part.parts {
            self[part.choice].add(parts: UnsafeRawBufferPointer(rebasing: data[parts]))
        }
        if part.isRefused { self[part.choice].isRefused = true }
        if part.hasCall { self[part.choice].hasMore = true }
        if let finish = part.finish { self[part.choice].finishReason = FinishReason(finish, cursor) }
    }
}
