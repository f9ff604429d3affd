import Dialects

extension ErrorShape {
    /// That of OpenAI's clients.
    public static let openAI = ErrorShape { problem in
        OpenAIErrorBody.refusal(
            status: problem.status, code: "\(problem.code)", message: problem.message, field: problem.field)
    }
}
