import Foundation
import Testing

extension Tidy {
    /// Words of wire formats that only their dialect may know.
    private static let wireWords = [
        "content_filter", "stream_options", "include_usage", "[DONE]", "\"data: ", "chat.completion",
        "tool_calls",
        "logprobs", "response_format", "max_completion_tokens", "reasoning_effort", "insufficient_quota",
        "invalid_request_error", "continue_final_message",
    ]

    @Test func `words of wire formats stand in their dialects alone`() {
        for file in Repository.sourceFiles where file.path.hasPrefix("Server/Sources/") {
            guard file.target != "Dialects" else { continue }
            for (number, line) in file.lines.enumerated()
            where !line.trimmingCharacters(in: .whitespaces).hasPrefix("//") {
                for word in Self.wireWords where line.contains(word) {
                    Issue.record("\(file.path):\(number + 1): '\(word)' belongs to a dialect: \(line)")
                }
            }
        }
    }
}
