import Generation

/// The forms in which a caller takes the answer.
enum Modalities {
    private static let audio = JSONKeys("audio")

    /// Reads an array of them and says whether sounds are among them.
    static func haveAudio(_ cursor: inout JSONCursor) throws(JSONFault) -> Bool {
        var haveAudio = false
        try cursor.enterArray()
        while try cursor.nextElement() {
            if try cursor.peek() == .string {
                if cursor.index(of: try cursor.readString(), in: audio) == 0 { haveAudio = true }
            } else {
                try cursor.skipValue()
            }
        }
        return haveAudio
    }
}
