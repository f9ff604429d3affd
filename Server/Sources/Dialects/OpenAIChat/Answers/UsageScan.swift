import Generation
import JSON

/// Reads a usage object; whatever is wrong with it must not spoil the answer.
enum UsageScan {
    private enum Member: String, JSONMember {
        case prompt = "prompt_tokens"
        case completion = "completion_tokens"
    }
    private static let members = JSONKeys<Member>()
    /// More tokens than any answer has; a larger figure is nonsense.
    private static let plausible = 0...100_000_000

    /// Reads the object that comes next; figures that are missing, negative or absurd make it an estimate.
    static func read(_ cursor: inout JSONCursor) throws(JSONFault) -> Usage {
        var prompt: Int?, completion: Int?
        try cursor.enterObject()
        while let key = try cursor.nextKey(of: members) {
            guard let member = key.member, try cursor.peek() == .number else {
                try cursor.skipValue()
                continue
            }
            let value = try cursor.readInt().flatMap { plausible.contains($0) ? $0 : nil }
            if member == .prompt { prompt = value } else { completion = value }
        }
        return Usage(
            promptTokens: prompt ?? 0, completionTokens: completion ?? 0,
            isEstimated: prompt == nil || completion == nil)
    }
}
