import JSON

/// The forms in which a caller takes the answer.
enum Modalities {
    private enum Modality: String, JSONMember { case audio }
    private static let modalities = JSONKeys<Modality>()

    /// Reads an array of them and says whether sounds are among them.
    static func haveAudio(_ cursor: inout JSONCursor) throws(JSONFault) -> Bool {
        var haveAudio = false
        try cursor.enterArray()
        while try cursor.nextElement() {
            if try cursor.peek() == .string {
                if cursor.word(try cursor.readString(), among: modalities) == .audio { haveAudio = true }
            } else {
                try cursor.skipValue()
            }
        }
        return haveAudio
    }
}
