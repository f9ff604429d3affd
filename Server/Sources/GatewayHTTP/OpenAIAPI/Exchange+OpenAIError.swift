import Dialects
import Gateway

extension Exchange {
    /// Answers with an error in the form that OpenAI's clients expect.
    func sendError(_ error: OpenAIError) async {
        do throws(CallerLeft) { try await reply.refuse(error, nil, id: id) } catch {
            // Nobody is there to be told.
        }
    }
}
